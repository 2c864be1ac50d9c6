"""Lets a plain generator make chunks in worker threads, pull by pull, for an event loop to send."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sized
from typing import Any, TypeVar

from tornado_archiver.cleanup import finished

_Chunk = TypeVar("_Chunk", bound=Sized)
_END: Any = object()  # None would make the end of what a careless generator yields in the middle


def _never() -> bool:
    return False


async def pulled(
    chunks: Generator[_Chunk, None, None], *, ahead: Callable[[], bool] = _never
) -> AsyncGenerator[_Chunk, None]:
    """The chunks of a blocking generator, each made in a worker thread when it is asked for; while `ahead`
    returns True, one is made while the reader has the one before it in hand.

    Nothing runs further ahead, so a visitor who does not read stops the work. An empty chunk is passed
    over: a generator that works long for one chunk yields one now and then, to let a cancellation in; and
    what stands behind an empty chunk runs only when all before it has been dealt with. When this ends in
    whatever way, the generator is closed and no thread works for it any more.
    """
    loop = asyncio.get_running_loop()
    pull: asyncio.Future[_Chunk] | None = None
    try:
        while True:
            pull = pull or loop.run_in_executor(None, next, chunks, _END)
            # a running thread cannot be cancelled, so a pull is always waited for
            chunk, pull = await finished(pull), None
            if chunk is _END:
                return
            if len(chunk):
                pull = loop.run_in_executor(None, next, chunks, _END) if ahead() else None
                handed_out = [chunk]
                del chunk  # while this waits, only the reader holds it
                yield handed_out.pop()
    finally:
        # as one: a cancellation between the two would leave the generator open
        await finished(_put_away(chunks, pull))


async def _put_away(chunks: Generator[_Chunk, None, None], pull: "asyncio.Future[_Chunk] | None") -> None:
    if pull is not None:
        await asyncio.wait([pull])
        pull.cancelled() or pull.exception()  # nobody asks for it any more
    await asyncio.get_running_loop().run_in_executor(None, chunks.close)
