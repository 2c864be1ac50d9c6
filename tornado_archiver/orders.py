"""What the supervisor tells a process that it has started, and how that hears it: both ends of one wire.

Each order may come any number of times: systemd sends SIGTERM to everybody, and the supervisor passes it on.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Self

RETIRE = signal.SIGHUP  # take no more, and go when all that runs has ended
DRAIN = signal.SIGTERM  # the same, but within the drain-timeout
CUT = signal.SIGUSR1  # go now

_IGNORED = signal.SIGINT  # Ctrl-C reaches the whole process group: the supervisor decides what it means


class Orders:
    """Ears for one event loop. `lifeline` is a descriptor that ends when the supervisor does: a process
    without one would hold the address, and the next supervisor could not have it.

    The supervisor blocks its signals before it forks: they wait until somebody listens here, and one that
    comes when nobody listens any more changes nothing.
    """

    def __init__(self, lifeline: int) -> None:
        self._lifeline = lifeline
        self._let_nobody_in: Callable[[], None] = _nothing
        self._retire, self._drain, self._cut = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(RETIRE, self._shut)
        loop.add_signal_handler(DRAIN, self._hurry)
        loop.add_signal_handler(CUT, self._go)
        loop.add_signal_handler(_IGNORED, lambda: None)
        loop.add_reader(self._lifeline, self._orphaned)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return self

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, (RETIRE, DRAIN, CUT, _IGNORED))

    def _shut(self) -> None:
        if not self._retire.is_set():
            self._retire.set()
            self._let_nobody_in()

    def _hurry(self) -> None:
        self._shut()
        self._drain.set()

    def _go(self) -> None:
        self._hurry()
        self._cut.set()

    def _orphaned(self) -> None:
        if not os.read(self._lifeline, 1):
            asyncio.get_running_loop().remove_reader(self._lifeline)
            self._go()

    def time_left(self, drain_timeout: float) -> str:
        """How long what still runs may take, for the log."""
        if self._cut.is_set():
            return "no time"
        return f"up to {drain_timeout:g} s more" if self._drain.is_set() else "their time"

    async def to_retire(self, let_nobody_in: Callable[[], None]) -> None:
        """Calls `let_nobody_in` when no more is to be taken, and returns a moment later: within that moment
        the loop would let in who stands at the door, and an orphan would cut him off at once."""
        self._let_nobody_in = let_nobody_in
        if self._retire.is_set():
            let_nobody_in()
        await self._retire.wait()

    async def to_cut(self, drain_timeout: float) -> None:
        """Returns when what still runs is to be cut."""
        await self._drain.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_timeout):
                await self._cut.wait()


def _nothing() -> None:
    pass
