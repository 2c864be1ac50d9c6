"""Signals from the supervisor to its workers, and their handling in a worker's event loop.

Each signal can arrive several times: systemd sends SIGTERM to every process, and the supervisor forwards it.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Self

QUIESCE = signal.SIGHUP  # stop accepting, finish running downloads without a time limit, exit
TERMINATE = signal.SIGTERM  # the same within the drain timeout
ABORT = signal.SIGUSR1  # exit now

_IGNORED = signal.SIGINT  # because Ctrl-C reaches the whole process group, and the supervisor handles it


class WorkerSignals:
    """Signal handling for one event loop.

    `parent_sentinel` reads EOF when the supervisor dies. The worker then exits, so that a new supervisor can
    bind the port.

    The supervisor blocks its signals before it forks. So they stay pending until the handlers are installed,
    and are ignored after the block.
    """

    def __init__(self, parent_sentinel: int) -> None:
        self._parent_sentinel = parent_sentinel
        self._on_stop: Callable[[], None] | None = None
        self._stop_requested = asyncio.Event()
        self._deadline_started = asyncio.Event()
        self._abort_requested = asyncio.Event()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(QUIESCE, self._stop_accepting)
        loop.add_signal_handler(TERMINATE, self._start_deadline)
        loop.add_signal_handler(ABORT, self._abort)
        loop.add_signal_handler(_IGNORED, lambda: None)
        loop.add_reader(self._parent_sentinel, self._parent_died)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return self

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, (QUIESCE, TERMINATE, ABORT, _IGNORED))

    def _stop_accepting(self) -> None:
        if not self._stop_requested.is_set():
            self._stop_requested.set()
            if self._on_stop is not None:
                self._on_stop()

    def _start_deadline(self) -> None:
        self._stop_accepting()
        self._deadline_started.set()

    def _abort(self) -> None:
        self._start_deadline()
        self._abort_requested.set()

    def _parent_died(self) -> None:
        if not os.read(self._parent_sentinel, 1):
            asyncio.get_running_loop().remove_reader(self._parent_sentinel)
            self._abort()

    def deadline_text(self, downloads: str, drain_timeout: float) -> str:
        """Return the log text for the running `downloads`; `drain_timeout` in seconds."""
        if self._abort_requested.is_set():
            return f"aborting {downloads}"
        limit = f"up to {drain_timeout:g} s" if self._deadline_started.is_set() else "no time limit"
        return f"waiting for {downloads} ({limit})"

    async def wait_stop(self, stop_accepting: Callable[[], None]) -> None:
        """Wait for the first signal and call `stop_accepting`.

        The signal handler calls it synchronously. Otherwise the event loop could accept one more connection
        and abort it at once when the supervisor is dead.
        """
        self._on_stop = stop_accepting
        if self._stop_requested.is_set():
            stop_accepting()
        await self._stop_requested.wait()

    async def wait_abort(self, drain_timeout: float) -> None:
        """Return on ABORT, or `drain_timeout` seconds after TERMINATE."""
        await self._deadline_started.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_timeout):
                await self._abort_requested.wait()
