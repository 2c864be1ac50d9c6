"""The readiness probe: the reasons why a load balancer should not send requests to this service."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Generic, TypeVar

from tornado_archiver.backend import Backend
from tornado_archiver.errors import ArchiverError
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.sources.local.access import describe

TIMEOUT_S = 2
T = TypeVar("T")


class Readiness:
    """The readiness checks. Each call checks again, and returns within about TIMEOUT_S if a check hangs."""

    def __init__(self, photos_dir: Path, backends: Sequence[Backend], scoreboard: Scoreboard) -> None:
        self._backends = backends
        self._scoreboard = scoreboard
        self._root = SingleFlight(lambda: _root_problem(photos_dir))

    async def problems(self) -> list[str]:
        """Return one line for each problem."""
        problems = []
        if self._scoreboard.draining:
            problems.append("draining: the service is shutting down")
        if not self._scoreboard.workers.gauges():
            problems.append("no worker is running")
        checks = [_with_timeout(self._root.call(), "the photos directory")]
        checks += [
            _with_timeout(_backend_problem(backend), f"backend {backend.name}") for backend in self._backends
        ]
        return problems + [problem for problem in await asyncio.gather(*checks) if problem]


class SingleFlight(Generic[T]):
    """A blocking function that runs in a separate thread, at most once at a time.

    While it hangs in a dead mount, all callers wait for the same call, so that threads do not accumulate. It
    is a daemon thread, so that the process can exit.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._pending: Future[T] | None = None

    async def call(self) -> T:
        """Return the result of the function, or raise its error."""
        if self._pending is None or self._pending.done():
            self._pending = Future()
            threading.Thread(target=self._run, args=(self._pending,), daemon=True).start()
        return await asyncio.shield(asyncio.wrap_future(self._pending))

    def _run(self, pending: "Future[T]") -> None:
        try:
            pending.set_result(self._function())
        except Exception as error:  # noqa: BLE001 - the callers handle any error
            pending.set_exception(error)


def read_error(photos_dir: Path) -> OSError | None:
    """Return the error of the system if the directory cannot be listed and entered.

    It is opened and read as in a scan, because the permissions of a mount can be misleading. The "." also
    requires the permission to enter it.
    """
    try:
        with os.scandir(os.path.join(photos_dir, ".")) as entries:
            next(entries, None)
    except OSError as error:
        return error
    return None


def _root_problem(photos_dir: Path) -> str:
    error = read_error(photos_dir)
    return f"the photos directory {photos_dir} cannot be read: {describe(error)}" if error else ""


async def _backend_problem(backend: Backend) -> str:
    try:
        await backend.check()
    except ArchiverError as error:
        return f"backend {backend.name}: {error}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any exception of a plugin is a problem to report
        return f"backend {backend.name}: {error!r}"
    return ""


async def _with_timeout(check: Awaitable[str], name: str) -> str:
    try:
        return await asyncio.wait_for(check, TIMEOUT_S)
    except TimeoutError:
        return f"{name} does not respond within {TIMEOUT_S} s"
