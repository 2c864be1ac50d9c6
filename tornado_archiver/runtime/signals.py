"""What the supervisor tells a process that it has started, and how that hears it: both ends of one wire.

Each order may come any number of times: systemd sends SIGTERM to everybody, and the supervisor passes it on.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Self

QUIESCE = signal.SIGHUP  # take no more, and go when all that runs has ended
TERMINATE = signal.SIGTERM  # the same, but within the drain-timeout
ABORT = signal.SIGUSR1  # go now

_IGNORED = signal.SIGINT  # Ctrl-C reaches the whole process group: the supervisor decides what it means


class WorkerSignals:
    """Ears for one event loop. `parent_sentinel` is a descriptor that ends when the supervisor does: a
    process without one would hold the address, and the next supervisor could not have it.

    The supervisor blocks its signals before it forks: they wait until somebody listens here, and one that
    comes when nobody listens any more changes nothing.
    """

    def __init__(self, parent_sentinel: int) -> None:
        self._lifeline = parent_sentinel
        self._on_stop: Callable[[], None] = _nothing
        self._retire, self._drain, self._cut = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(QUIESCE, self._stop_accepting)
        loop.add_signal_handler(TERMINATE, self._start_deadline)
        loop.add_signal_handler(ABORT, self._abort)
        loop.add_signal_handler(_IGNORED, lambda: None)
        loop.add_reader(self._lifeline, self._parent_died)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return self

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, (QUIESCE, TERMINATE, ABORT, _IGNORED))

    def _stop_accepting(self) -> None:
        if not self._retire.is_set():
            self._retire.set()
            self._on_stop()

    def _start_deadline(self) -> None:
        self._stop_accepting()
        self._drain.set()

    def _abort(self) -> None:
        self._start_deadline()
        self._cut.set()

    def _parent_died(self) -> None:
        if not os.read(self._lifeline, 1):
            asyncio.get_running_loop().remove_reader(self._lifeline)
            self._abort()

    def deadline_text(self, drain_timeout: float) -> str:
        """How long what still runs may take, for the log."""
        if self._cut.is_set():
            return "no time"
        return f"up to {drain_timeout:g} s more" if self._drain.is_set() else "their time"

    async def wait_stop(self, stop_accepting: Callable[[], None]) -> None:
        """Calls `stop_accepting` when no more is to be taken, and returns a moment later: within that moment
        the loop would let in who stands at the door, and an orphan would cut him off at once."""
        self._on_stop = stop_accepting
        if self._retire.is_set():
            stop_accepting()
        await self._retire.wait()

    async def wait_abort(self, drain_timeout: float) -> None:
        """Returns when what still runs is to be cut."""
        await self._drain.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_timeout):
                await self._cut.wait()


def _nothing() -> None:
    pass
