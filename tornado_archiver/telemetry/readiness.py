"""The readiness probe: the reasons why a load balancer should not send requests to this service."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from tornado_archiver.backend import Backend
from tornado_archiver.errors import ArchiverError
from tornado_archiver.limits.scoreboard import Scoreboard

TIMEOUT_S = 2


class Readiness:
    """Checks again at each call, and answers within about TIMEOUT_S even if a check hangs."""

    def __init__(self, photos_dir: Path, backends: Sequence[Backend], scoreboard: Scoreboard) -> None:
        self._backends = backends
        self._scoreboard = scoreboard
        self._root = SingleFlight(lambda: _root_problem(photos_dir))

    async def problems(self) -> list[str]:
        """Return one line for each problem."""
        found = []
        if self._scoreboard.draining:
            found.append("draining: the service is about to stop")
        if not self._scoreboard.workers.gauges():
            found.append("no worker is running")
        checks = [_with_timeout(self._root.call(), "the photos directory")]
        checks += [_with_timeout(_backend_problem(one), f"backend {one.name}") for one in self._backends]
        return found + [problem for problem in await asyncio.gather(*checks) if problem]


class SingleFlight:
    """A blocking function in a thread of its own, of which at most one call is under way.

    While it hangs, as on a dead mount, all callers wait for the same call. So threads do not pile up, and as
    daemons they do not keep the process from exiting.
    """

    def __init__(self, function: Callable[[], str]) -> None:
        self._function = function
        self._pending: Future[str] | None = None

    async def call(self) -> str:
        """Return or raise what the function does."""
        if self._pending is None or self._pending.done():
            self._pending = Future()
            threading.Thread(target=self._run, args=(self._pending,), daemon=True).start()
        return await asyncio.shield(asyncio.wrap_future(self._pending))

    def _run(self, pending: "Future[str]") -> None:
        try:
            pending.set_result(self._function())
        except Exception as error:  # noqa: BLE001 - any error is for the callers
            pending.set_exception(error)


def read_error(photos_dir: Path) -> str:
    """Return the system's message if the directory cannot be listed and entered, else "".

    It is opened and read as in a scan, because the permissions of a mount are not reliable. The "." takes the right
    to enter it, too.
    """
    try:
        with os.scandir(os.path.join(photos_dir, ".")) as entries:
            next(entries, None)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _root_problem(photos_dir: Path) -> str:
    problem = read_error(photos_dir)
    return f"the photos directory {photos_dir} cannot be read: {problem}" if problem else ""


async def _backend_problem(backend: Backend) -> str:
    try:
        await backend.check()
    except ArchiverError as error:
        return f"backend {backend.name}: {error}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises is a problem to report
        return f"backend {backend.name}: {error!r}"
    return ""


async def _with_timeout(check: Awaitable[str], name: str) -> str:
    try:
        return await asyncio.wait_for(check, TIMEOUT_S)
    except TimeoutError:
        return f"{name} does not answer within {TIMEOUT_S} s"
