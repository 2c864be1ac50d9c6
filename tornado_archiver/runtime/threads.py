"""Blocking work in threads: cancellable functions, generators iterated from an event loop, shared calls."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sized
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, Generic, TypeVar, TypeVarTuple

from tornado_archiver.runtime.cancellation import cancel_event, check_cancelled, shielded

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
_Chunk = TypeVar("_Chunk", bound=Sized)
_END: Any = object()  # not None, because a faulty generator may yield None


async def run_in_thread(function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """Call the blocking function in a worker thread and return its result.

    When this task is cancelled, `check_cancelled` raises in the thread. The task does not wait for the
    thread, because that may be blocked in a dead mount. So the function must close what it opens.
    """
    event = threading.Event()
    try:
        return await _start(event, function, *arguments)
    finally:
        event.set()


async def finish_in_thread(function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """Do the same as run_in_thread, but wait for the thread when this task is cancelled.

    For a function that shares resources with its caller.
    """
    event = threading.Event()
    return await shielded(_start(event, function, *arguments), on_cancel=event.set)


def _start(
    event: threading.Event, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
) -> "asyncio.Future[_Result]":
    def work() -> _Result:
        cancel_event.set(event)
        check_cancelled()  # because the task may have been cancelled while it waited for a thread
        return function(*arguments)

    return asyncio.get_running_loop().run_in_executor(None, copy_context().run, work)


def _never() -> bool:
    return False


async def iterate_in_thread(
    chunks: Generator[_Chunk, None, None], *, prefetch: Callable[[], bool] = _never
) -> AsyncGenerator[_Chunk, None]:
    """Yield the chunks of a blocking generator, each computed in a worker thread on demand.

    While `prefetch` returns True, the next chunk is computed while the reader uses the current one. No chunk
    is computed further ahead, so a client that does not read stops the work.

    An empty chunk is a checkpoint and is not yielded: the task can be cancelled there. The code after an
    empty chunk runs only when the reader is done with the chunk before it. At the end, also after an error or
    a cancellation, the generator is closed and its thread has ended.
    """
    loop = asyncio.get_running_loop()
    next_chunk: asyncio.Future[_Chunk] | None = None
    try:
        while True:
            next_chunk = next_chunk or loop.run_in_executor(None, next, chunks, _END)
            # shielded, because a running thread cannot be cancelled
            chunk, next_chunk = await shielded(next_chunk), None
            if chunk is _END:
                return
            if len(chunk):
                next_chunk = loop.run_in_executor(None, next, chunks, _END) if prefetch() else None
                item = [chunk]
                del chunk  # so that only the reader holds the chunk while this generator is suspended
                yield item.pop()
    finally:
        # one shield for both steps, because a cancellation between them would leave the generator open
        await shielded(_close(chunks, next_chunk))


async def _close(chunks: Generator[_Chunk, None, None], next_chunk: "asyncio.Future[_Chunk] | None") -> None:
    if next_chunk is not None:
        await asyncio.wait([next_chunk])
        # retrieved, because asyncio logs an exception that was never retrieved
        next_chunk.cancelled() or next_chunk.exception()
    await asyncio.get_running_loop().run_in_executor(None, chunks.close)


class SingleFlight(Generic[_Result]):
    """A blocking function that runs in a separate thread, at most once at a time.

    While it hangs in a dead mount, all callers wait for the same call, so that threads do not accumulate. It
    is a daemon thread, so that the process can exit.
    """

    def __init__(self, function: Callable[[], _Result]) -> None:
        self._function = function
        self._pending: Future[_Result] | None = None

    async def call(self) -> _Result:
        """Return the result of the function, or raise its error."""
        if self._pending is None or self._pending.done():
            self._pending = Future()
            threading.Thread(target=self._run, args=(self._pending,), daemon=True).start()
        return await asyncio.shield(asyncio.wrap_future(self._pending))

    def _run(self, pending: "Future[_Result]") -> None:
        try:
            pending.set_result(self._function())
        except Exception as error:  # noqa: BLE001 - the callers handle any error
            pending.set_exception(error)
