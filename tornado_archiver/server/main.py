"""The main function of the service: settings, sockets, supervisor, workers and the admin process."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.limits.workers import ConnectionCount, connection_counts
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.runtime.signals import WorkerSignals
from tornado_archiver.runtime.tempdir import remove_tempdirs_of
from tornado_archiver.server.backends import describe_options
from tornado_archiver.server.bootstrap import create_app, create_services
from tornado_archiver.server.check import check
from tornado_archiver.server.logging import configure_logging
from tornado_archiver.server.sockets import open_admin_sockets, open_public_sockets, warn_address_changed
from tornado_archiver.server.supervisor import Generation, ProcessSpec, Supervisor
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings
from tornado_archiver.settings.output import format_settings
from tornado_archiver.source import MIN_CHUNK_BYTES
from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.photos import photos_problem
from tornado_archiver.telemetry.readiness import Readiness
from tornado_archiver.web import access_log
from tornado_archiver.web.admin.app import AdminApplication, serve_admin
from tornado_archiver.web.net.http_server import ConnectionLimits, serve
from tornado_archiver.web.services import Services

log = logging.getLogger(__name__)

# Each thread waits for the disk of one download. asyncio's default is six on two cores, so six clients of an
# album on a dead mount would block all other downloads.
_WORKER_THREADS = 32

EXIT_CONFIG_ERROR = 2  # a setting, a backend or the address cannot be used


def main(argv: Sequence[str]) -> int:
    """Serve until stopped and return the exit status. A configuration error is one line on stderr."""

    def read() -> Settings:
        return load_settings(argv, os.environ, Path(".env"))

    # SIGCHLD stays ignored across exec if the parent ignored it. The kernel would then reap the workers, and
    # waitpid() would never report them.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        settings = read()
        if settings.print_config:
            _print_config(settings)
            return 0
        if settings.check:
            return 0 if check(settings) else EXIT_CONFIG_ERROR
        _run(settings, read)
    except ArchiverError as error:
        sys.stderr.writelines(f"{program_name()}: {line}\n" for line in str(error).splitlines())
        return EXIT_CONFIG_ERROR
    return 0


def _print_config(settings: Settings) -> None:
    of_backends, warnings = describe_options(settings)
    for warning in [*settings.warnings, *warnings]:
        sys.stderr.write(f"{program_name()}: {warning}\n")
    sys.stdout.write(format_settings(settings, of_backends) + "\n")


def _run(settings: Settings, read: Callable[[], Settings]) -> None:
    _set_up_logging(settings)
    _raise_descriptor_limit()
    scoreboard = Scoreboard()
    # before the sockets are bound, so that a backend that is unavailable stops the start
    services = asyncio.run(create_services(settings, scoreboard))
    master = Master(settings, scoreboard, [backend.name for backend in services.backends])
    new_generation = master.new_generation(settings, services)
    _tune_gc()
    Supervisor(
        new_generation,
        reload=lambda: master.reload(read()),
        on_stop=master.stop_listening,
        on_exit=master.worker_exited,
    ).run()


class Master:
    """State that a reload keeps: sockets, scoreboard and metrics."""

    def __init__(self, settings: Settings, scoreboard: Scoreboard, backends: Sequence[str]) -> None:
        self._settings = settings
        with contextlib.ExitStack() as stack:
            self._sockets = [stack.enter_context(sock) for sock in open_public_sockets(settings)]
            self._admin_sockets = open_admin_sockets(settings)
            stack.pop_all()
        self.scoreboard = scoreboard
        self.metrics = Metrics(scoreboard.workers, backends)

    def new_generation(self, settings: Settings, services: Services) -> Generation:
        _log_startup(settings, services)
        workers = [
            ProcessSpec("worker", _asyncio_target(self._run_worker, settings, services, connection_count))
            for connection_count in connection_counts(settings.workers)
        ]
        admin = ProcessSpec("admin", _asyncio_target(self._run_admin, settings, services), stops_last=True)
        return Generation(workers + [admin] * bool(self._admin_sockets), settings.drain_timeout)

    def reload(self, settings: Settings) -> Generation:
        """Return a generation with the new settings. Raise ArchiverError."""
        services = asyncio.run(create_services(settings, self.scoreboard))
        _set_up_logging(settings)
        self.metrics.preregister(backend.name for backend in services.backends)
        warn_address_changed(self._settings, settings)
        return self.new_generation(settings, services)

    def worker_exited(self, pid: int) -> None:
        """Count the downloads of a dead worker as failed, release its slots and remove its files."""
        self.metrics.worker_exited(self.scoreboard.release_process(pid))
        remove_tempdirs_of(pid)

    def stop_listening(self) -> None:
        """Close all listening sockets, so that new connections are refused."""
        self.scoreboard.draining = True
        _close_sockets([*self._sockets, *self._admin_sockets])

    async def _run_worker(
        self, settings: Settings, services: Services, connection_count: ConnectionCount, parent_sentinel: int
    ) -> None:
        _close_sockets(self._admin_sockets)
        self.scoreboard.workers.register()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_WORKER_THREADS, "asyncio"))
        app = create_app(settings, services, self.metrics)
        connection_limits = ConnectionLimits(
            settings.idle_timeout, settings.stall_timeout, settings.max_header_size, settings.drain_timeout
        )
        with WorkerSignals(parent_sentinel) as signals:
            await serve(app, self._sockets, connection_count, signals, connection_limits)

    async def _run_admin(self, settings: Settings, services: Services, parent_sentinel: int) -> None:
        _close_sockets(self._sockets)
        readiness = Readiness(settings.photos_dir, services.backends, self.scoreboard)
        app = AdminApplication(self.metrics, self.scoreboard, readiness)
        with WorkerSignals(parent_sentinel) as signals:
            await serve_admin(app, self._admin_sockets, signals)


def _close_sockets(sockets: Iterable[socket.socket]) -> None:
    """Close sockets that this process does not accept from.

    Otherwise the kernel would complete handshakes of connections that are never accepted.
    """
    for sock in sockets:
        sock.close()


def _set_up_logging(settings: Settings) -> None:
    configure_logging(settings.log_format)
    access_log.log.setLevel(logging.INFO if settings.enable_logging else logging.WARNING)
    # because its INFO messages quote malformed requests, which may contain a hash
    logging.getLogger("tornado.general").setLevel(logging.WARNING)


def _log_startup(settings: Settings, services: Services) -> None:
    """Log what is served, at the start and after a reload."""
    for warning in settings.warnings:
        log.warning("%s", warning)
    log.info("serving %s as %s", settings.photos_dir, services.backends[0].name)
    log.info("%s", _signing_status(services.link_keys))
    _warn_response_delay(settings, services.rate_limiter.delay_s)
    if problem := photos_problem(settings):
        log.warning("%s", problem)


def _warn_response_delay(settings: Settings, delay_s: float) -> None:
    if delay_s:
        log.warning(
            "response delay: on, %g s before each chunk of at most %d KiB, which slows every download; turn "
            "off enable-response-delay (%s) to serve at full speed",
            delay_s,
            MIN_CHUNK_BYTES // 1024,
            settings.origins["enable_response_delay"],
        )


def _signing_status(keys: LinkSigner | None) -> str:
    if keys is None:
        return "signed links: off"
    count = len(keys.keys)
    return f"signed links: required ({count} key{'s' * (count > 1)})"


def _asyncio_target(serve: Callable[..., Coroutine[Any, Any, None]], *args: object) -> Callable[[int], None]:
    """Return the target of a ProcessSpec that runs the coroutine `serve(*args, parent_sentinel)`.

    asyncio.run is not used, because it waits for all threads and tasks: a thread that is blocked in a dead
    mount would hold up the process until it is killed. `serve` itself waits for the cleanup of its tasks.
    """

    def run(parent_sentinel: int) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve(*args, parent_sentinel))

    return run


def _raise_descriptor_limit() -> None:
    """Raise the soft limit to the hard limit.

    A connection uses a few descriptors, and the usual soft limit is 1,024.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _tune_gc() -> None:
    """Collect garbage less often.

    A scan creates tens of thousands of small objects and no cycles; the collector took 10% of its time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
