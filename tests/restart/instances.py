"""Two archivers with the same photos, each of which can be started again on its port."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from tests.servers import Server, eventually, free_port, running_server


class Instance:
    """One of them, once it is started."""

    server: Server

    def __init__(self, photos: Path, *options: str) -> None:
        self.port = free_port()
        self._photos = photos
        self._options = options
        self._running = ExitStack()

    def start(self) -> None:
        self.server = self._running.enter_context(
            running_server(self._photos, *self._options, port=self.port)
        )

    def stop(self) -> None:
        """With SIGTERM; returns when it has gone, in peace."""
        self._running.close()

    def reload(self) -> None:
        """With SIGHUP; returns when others have taken over."""
        before = {worker.pid for worker in self.server.workers}
        self.server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: {worker.pid for worker in self.server.workers} - before)

    def is_visited(self) -> bool:
        """Whether one of those that serve now has a download."""
        return any(self._visits(worker) for worker in self.server.workers)

    def _visits(self, worker: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):  # it may have ended by now
            return any(
                connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == self.port
                for connection in worker.net_connections()
            )
        return False


@contextmanager
def two(photos: Path, *options: str) -> Iterator[tuple[Instance, Instance]]:
    first, second = Instance(photos, *options), Instance(photos, *options)
    with ExitStack() as running:
        for instance in (first, second):
            instance.start()
            running.callback(instance.stop)
        yield first, second
