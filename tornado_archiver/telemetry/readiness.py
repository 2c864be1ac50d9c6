"""The readiness probe: the reasons why a load balancer should not send requests to this service."""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path

from tornado_archiver.backend import Backend
from tornado_archiver.errors import ArchiverError
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.runtime.threads import SingleFlight
from tornado_archiver.sources.local.access import describe
from tornado_archiver.telemetry.photos import read_error

TIMEOUT_S = 2


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
