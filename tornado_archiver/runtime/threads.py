"""Blocking work in worker threads: functions that stop when their task is cancelled, and generators that make
chunks, pull by pull, for an event loop to send."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sized
from contextvars import copy_context
from typing import Any, TypeVar, TypeVarTuple

from tornado_archiver.runtime.cancellation import cancel_event, check_cancelled, shielded

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
_Chunk = TypeVar("_Chunk", bound=Sized)
_END: Any = object()  # None would make the end of what a careless generator yields in the middle


async def run_in_thread(function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """Return what the blocking function returns in a worker thread.

    When this task is cancelled, `check_cancelled` raises in the thread. The caller does not wait for that: a
    thread that hangs in a dead mount stays behind. So the function has to close what it opens.
    """
    cancelled = threading.Event()
    try:
        return await _started(cancelled, function, *arguments)
    finally:
        cancelled.set()


async def finish_in_thread(function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """The same, but a cancellation goes on when the thread has ended: for a function that shares resources
    with its caller."""
    cancelled = threading.Event()
    return await shielded(_started(cancelled, function, *arguments), on_cancel=cancelled.set)


def _started(
    cancelled: threading.Event, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
) -> "asyncio.Future[_Result]":
    def work() -> _Result:
        cancel_event.set(cancelled)
        check_cancelled()  # it may have waited long for a thread
        return function(*arguments)

    return asyncio.get_running_loop().run_in_executor(None, copy_context().run, work)


def _never() -> bool:
    return False


async def iterate_in_thread(
    chunks: Generator[_Chunk, None, None], *, prefetch: Callable[[], bool] = _never
) -> AsyncGenerator[_Chunk, None]:
    """The chunks of a blocking generator, each made in a worker thread when it is asked for; while `prefetch`
    returns True, one is made while the reader has the one before it in hand.

    Nothing runs further ahead, so a visitor who does not read stops the work. An empty chunk is passed
    over: a generator that works long for one chunk yields one now and then, to let a cancellation in; and
    what stands behind an empty chunk runs only when all before it has been dealt with. When this ends in
    whatever way, the generator is closed and no thread works for it any more.
    """
    loop = asyncio.get_running_loop()
    next_chunk: asyncio.Future[_Chunk] | None = None
    try:
        while True:
            next_chunk = next_chunk or loop.run_in_executor(None, next, chunks, _END)
            # a running thread cannot be cancelled, so a pull is always waited for
            chunk, next_chunk = await shielded(next_chunk), None
            if chunk is _END:
                return
            if len(chunk):
                next_chunk = loop.run_in_executor(None, next, chunks, _END) if prefetch() else None
                handed_out = [chunk]
                del chunk  # while this waits, only the reader holds it
                yield handed_out.pop()
    finally:
        # as one: a cancellation between the two would leave the generator open
        await shielded(_close(chunks, next_chunk))


async def _close(chunks: Generator[_Chunk, None, None], next_chunk: "asyncio.Future[_Chunk] | None") -> None:
    if next_chunk is not None:
        await asyncio.wait([next_chunk])
        next_chunk.cancelled() or next_chunk.exception()  # nobody asks for it any more
    await asyncio.get_running_loop().run_in_executor(None, chunks.close)
