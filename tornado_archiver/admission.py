"""Lets downloads in as far as the limits go, and has the others wait for their turn."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tornado_archiver.errors import TooManyDownloadsError
from tornado_archiver.ledger import Ledger

_LOOK_S = 0.05  # who hands on his place may be another process, which cannot wake us


class Admission:
    """`queue_timeout_s`: seconds that a download waits, at most."""

    def __init__(self, ledger: Ledger, queue_timeout_s: float) -> None:
        self.ledger = ledger
        self._queue_timeout_s = queue_timeout_s

    @asynccontextmanager
    async def place(self, client: str, details: dict[str, str]) -> AsyncIterator[int]:
        """A place among those that run, as its row in the ledger, where `details` are for who looks at those
        that wait. Raises TooManyDownloadsError."""
        number = self.ledger.join(client)
        self.ledger.describe(number, None, details)
        try:
            await self._turn(number)
            yield number
        finally:
            self.ledger.leave(number)

    async def _turn(self, number: int) -> None:
        deadline = time.monotonic() + self._queue_timeout_s
        while not self.ledger.runs(number):
            if time.monotonic() >= deadline:
                raise TooManyDownloadsError("no other download ended in time")
            await asyncio.sleep(_LOOK_S)
