"""Admission control: a slot for each download within the limits, a queue for the others."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tornado_archiver.errors import TooManyDownloadsError
from tornado_archiver.limits.scoreboard import Scoreboard

_POLL_S = 0.05  # because the process that releases a slot cannot wake the event loop of another one


@dataclass(frozen=True, slots=True)
class AdmissionSlot:
    """A slot of the scoreboard, running or in the queue. `index` is its number there."""

    scoreboard: Scoreboard
    index: int
    queue_timeout_s: float

    @property
    def is_running(self) -> bool:
        return self.scoreboard.is_running(self.index)

    async def wait(self) -> None:
        """Wait until the slot is running. Raise TooManyDownloadsError after `queue_timeout_s`."""
        deadline = time.monotonic() + self.queue_timeout_s
        while not self.is_running:
            if time.monotonic() >= deadline:
                raise TooManyDownloadsError("no other download ended in time")
            await asyncio.sleep(_POLL_S)


class AdmissionControl:
    """Grants slots of the scoreboard. `queue_timeout_s`: the longest wait in the queue, in seconds."""

    def __init__(self, scoreboard: Scoreboard, queue_timeout_s: float) -> None:
        self.scoreboard = scoreboard
        self._queue_timeout_s = queue_timeout_s

    @contextmanager
    def slot(self, client: str, labels: dict[str, str]) -> Iterator[AdmissionSlot]:
        """Take a slot, which is running or in the queue, and release it after the block.

        `labels` are for the status page. Raise TooManyDownloadsError when the queue is full.
        """
        slot = AdmissionSlot(self.scoreboard, self.scoreboard.enqueue(client), self._queue_timeout_s)
        self.scoreboard.set_labels(slot.index, labels)
        try:
            yield slot
        finally:
            self.scoreboard.release(slot.index)
