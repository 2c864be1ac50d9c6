"""Two instances of the service with the same photos, each restartable on its port."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from tests.helpers.servers import Server, eventually, free_port, running_server


class Instance:
    """Instance of the service; `server` is set by start()."""

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
        """Send SIGTERM and wait until the server has exited."""
        self._running.close()

    def reload(self) -> None:
        """Send SIGHUP and wait until a new worker runs."""
        before = {worker.pid for worker in self.server.workers}
        self.server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: {worker.pid for worker in self.server.workers} - before)

    def has_connections(self) -> bool:
        """Return whether a worker has a client connection."""
        return any(self._is_connected(worker) for worker in self.server.workers)

    def _is_connected(self, worker: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):  # because the worker may have exited meanwhile
            return any(
                connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == self.port
                for connection in worker.net_connections()
            )
        return False


@contextmanager
def two_instances(photos: Path, *options: str) -> Iterator[tuple[Instance, Instance]]:
    first, second = Instance(photos, *options), Instance(photos, *options)
    with ExitStack() as stack:
        for instance in (first, second):
            instance.start()
            stack.callback(instance.stop)
        yield first, second
