"""Admission control: a slot for each download within the limits, a queue for the others."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tornado_archiver.errors import TooManyDownloadsError
from tornado_archiver.limits.scoreboard import Scoreboard

_POLL_S = 0.05  # because the process that releases a slot cannot wake the event loop of another one


class AdmissionControl:
    """Grants slots of the scoreboard. `queue_timeout_s`: the longest wait in the queue, in seconds."""

    def __init__(self, scoreboard: Scoreboard, queue_timeout_s: float) -> None:
        self.scoreboard = scoreboard
        self._queue_timeout_s = queue_timeout_s

    @asynccontextmanager
    async def slot(self, client: str, labels: dict[str, str]) -> AsyncIterator[int]:
        """Wait for a running slot and release it after the block; `labels` are for the status page.

        Raise TooManyDownloadsError when the queue is full or the wait exceeds `queue_timeout_s`.
        """
        slot = self.scoreboard.enqueue(client)
        self.scoreboard.set_labels(slot, labels)
        try:
            await self._wait_for_slot(slot)
            yield slot
        finally:
            self.scoreboard.release(slot)

    async def _wait_for_slot(self, slot: int) -> None:
        deadline = time.monotonic() + self._queue_timeout_s
        while not self.scoreboard.is_running(slot):
            if time.monotonic() >= deadline:
                raise TooManyDownloadsError("no other download ended in time")
            await asyncio.sleep(_POLL_S)
