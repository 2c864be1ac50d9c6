"""Cancellation of blocking work in worker threads: a thread cannot be stopped from outside, so the work asks.

`threads.run_in_thread` and `threads.finish_in_thread` start such work.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextvars import ContextVar
from itertools import chain, islice
from typing import TypeVar

_Item = TypeVar("_Item")

_BATCH = 256

cancel_event: ContextVar[threading.Event | None] = ContextVar("cancelled_event", default=None)


def check_cancelled() -> None:
    """Raise CancelledError if the task that this thread works for was cancelled.

    It takes a tenth of a microsecond: call it for each file and each directory. In a thread that works for no
    task it does nothing.
    """
    cancelled = cancel_event.get()
    if cancelled is not None and cancelled.is_set():
        raise asyncio.CancelledError  # not an Exception, so that only cleanup catches it


def with_checkpoints(items: Iterable[_Item]) -> Iterator[_Item]:
    """Return the items, with `check_cancelled` before each few hundred: for a loop without system calls."""
    return chain.from_iterable(_batches(iter(items)))


def _batches(items: Iterator[_Item]) -> Iterator[tuple[_Item, ...]]:
    while batch := tuple(islice(items, _BATCH)):
        check_cancelled()
        yield batch


_Result = TypeVar("_Result")


async def shielded(awaitable: Awaitable[_Result], on_cancel: Callable[[], object] = lambda: None) -> _Result:
    """The result of `awaitable`, waited for even when this task is cancelled meanwhile, as often as it is;
    the cancellation goes on afterwards, and an error of `awaitable` is dropped for it. `on_cancel` is called
    at each cancellation, to have `awaitable` end sooner."""
    work = asyncio.ensure_future(awaitable)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
            on_cancel()
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # looked at, or asyncio would log it as one that nobody has looked at
        try:
            raise cancelled
        finally:
            cancelled = None  # it knows this frame: together they would keep all that was under way
    return work.result()
