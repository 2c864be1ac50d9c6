"""Why this service should not be sent visitors, if it should not."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from tornado_archiver.backend import Backend
from tornado_archiver.errors import ArchiverError
from tornado_archiver.ledger import Ledger
from tornado_archiver.roll import Roll

TIMEOUT_S = 2


class Readiness:
    """Looks anew each time it is asked, and answers within about TIMEOUT_S whatever hangs."""

    def __init__(self, photos_dir: Path, backends: Sequence[Backend], ledger: Ledger, roll: Roll) -> None:
        self._backends = backends
        self._ledger = ledger
        self._roll = roll
        self._root = PatientCall(lambda: _unreadable(photos_dir))

    async def problems(self) -> list[str]:
        """One line each; none when all is well."""
        found = []
        if self._ledger.draining:
            found.append("draining: the service is about to stop")
        if not self._roll.notes():
            found.append("no worker is running")
        looked = [_in_time(self._root.result(), "the photos directory")]
        looked += [_in_time(_unusable(backend), f"backend {backend.name}") for backend in self._backends]
        return found + [problem for problem in await asyncio.gather(*looked) if problem]


class PatientCall:
    """A blocking call in a thread of its own. While it hangs, as on a mount whose server is gone, all who ask
    wait for the same one: threads do not pile up, and none of them keeps the process from ending."""

    def __init__(self, call: Callable[[], str]) -> None:
        self._call = call
        self._pending: Future[str] | None = None

    async def result(self) -> str:
        if self._pending is None or self._pending.done():
            self._pending = Future()
            threading.Thread(target=self._run, args=(self._pending,), daemon=True).start()
        return await asyncio.shield(asyncio.wrap_future(self._pending))

    def _run(self, pending: "Future[str]") -> None:
        try:
            pending.set_result(self._call())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for who asked
            pending.set_exception(error)


def why_unreadable(photos_dir: Path) -> str:
    """What the system says when nothing in it can be listed and opened, else "". It is opened and read, as a
    walk would: permissions alone say little about a mount. The dot takes the right to go through it, too."""
    try:
        with os.scandir(os.path.join(photos_dir, ".")) as entries:
            next(entries, None)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _unreadable(photos_dir: Path) -> str:
    problem = why_unreadable(photos_dir)
    return f"the photos directory {photos_dir} cannot be read: {problem}" if problem else ""


async def _unusable(backend: Backend) -> str:
    try:
        await backend.check()
    except ArchiverError as error:
        return f"backend {backend.name}: {error}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises, the admin is to see it
        return f"backend {backend.name}: {error!r}"
    return ""


async def _in_time(looking: Awaitable[str], what: str) -> str:
    try:
        return await asyncio.wait_for(looking, TIMEOUT_S)
    except TimeoutError:
        return f"{what} does not answer within {TIMEOUT_S} s"
