"""Lets a plain generator make chunks in worker threads, pull by pull, for an event loop to send."""

import asyncio
from collections.abc import AsyncGenerator, Generator

from tornado_archiver.cleanup import finished


async def pulled(chunks: Generator[bytes, None, None]) -> AsyncGenerator[bytes, None]:
    """The chunks of a blocking generator, each made in a worker thread when it is asked for.

    Nothing runs ahead of the reader, so a visitor who does not read stops the work. An empty chunk is
    passed over: a generator that works long for one chunk yields one now and then, to let a cancellation
    in. When this ends in whatever way, the generator is closed and no thread works for it any more.
    """
    loop = asyncio.get_running_loop()
    try:
        # a running thread cannot be cancelled, so a pull is always waited for
        while (chunk := await finished(loop.run_in_executor(None, next, chunks, None))) is not None:
            if chunk:
                yield chunk
    finally:
        await finished(loop.run_in_executor(None, chunks.close))
