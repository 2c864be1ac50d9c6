"""Puts an archive's chunks on a connection, each as soon as the client has taken the one before."""

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream

from tornado_archiver.backend import Archive, ByteRange
from tornado_archiver.errors import BackendError
from tornado_archiver.source import Chunk, bytes_held
from tornado_archiver.web.base_handler import BaseHandler
from tornado_archiver.web.net.chunk_size import ChunkSize
from tornado_archiver.web.net.sendfile import SendfileStream

_READ_BYTES = 256 * 1024
MAX_WAIT_S = 2  # of a chunk in memory for its client
_KEPT_BYTES = 16 * 1024  # are not worth making them again


class BodyWriter:
    """Of one response, whose headers `handler` has set, for the chunks of `archive`.

    For a slow client nothing is made before its connection takes something, so that no chunk waits in
    memory. A chunk that waits all the same, because the client was fast before, is dropped after
    MAX_WAIT_S, and made again when the client reads on.
    """

    def __init__(self, handler: BaseHandler, archive: Archive, chunk_size: ChunkSize) -> None:
        self._handler = handler
        self._transfer = handler.transfer
        self._archive = archive
        self._chunk_size = chunk_size

    async def write_all(self, chunks: AsyncGenerator[Chunk, None]) -> bool:
        """Write the chunks, each when the connection has taken the one before: that is the back-pressure.

        Return False when the client is too slow for what waits for it: the caller closes the chunks, which
        gives back their memory, waits for `client_reads`, and asks for those from `bytes_sent` on. Raise
        StreamClosedError, BackendError for what is no chunk or was not promised, and what reading a file
        slice raises.
        """
        while True:
            self._archive.chunk_bytes = self._chunk_size.bytes
            began, sent = time.monotonic(), self._transfer.bytes_sent
            if self._chunk_size.is_smallest:
                await self.client_reads()
            asked = time.monotonic()
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return True
            began += time.monotonic() - asked  # the time of the backend is not the client's
            is_whole = await self.write(chunk)
            del chunk  # or it would stay in memory until the next one is here
            self._chunk_size.sent(self._transfer.bytes_sent - sent, time.monotonic() - began)
            if not is_whole:
                self._chunk_size.reset()
                return False

    async def client_reads(self) -> None:
        """Return when the connection takes more. Raise StreamClosedError."""
        stream = stream_of(self._handler)
        if isinstance(stream, SendfileStream):
            await stream.writable()

    async def write(self, chunk: Chunk | bytes) -> bool:
        """Return whether all of the chunk was taken; False only for a client that is too slow for the
        memory that waits for it. Raise as `write_all`."""
        self._check_chunk(chunk)
        if self._transfer.time_to_first_byte_s is None:
            self._transfer.time_to_first_byte_s = self._handler.request.request_time()
            self._handler.metrics.first_byte(self._transfer)
        stream = stream_of(self._handler)
        if isinstance(stream, SendfileStream) and self._transfer.content_length is not None:
            return await self._write_past_tornado(stream, chunk)
        await self._write_through_tornado(chunk)  # which frames a chunked body, and encrypts
        return True

    def _check_chunk(self, chunk: object) -> None:
        if not isinstance(chunk, Chunk):
            raise BackendError(f"the backend hands out a {type(chunk).__name__}, not bytes or a FileSlice")
        promised = self._transfer.content_length
        if promised is not None and self._transfer.bytes_sent + len(chunk) > promised:
            raise BackendError(f"the backend hands out more than the {promised} bytes that it promised")

    def check_complete(self) -> None:
        """Nothing comes any more. Raises BackendError unless all that was promised has."""
        promised = self._transfer.content_length
        if promised not in (None, self._transfer.bytes_sent):
            raise BackendError(f"the backend promised {promised} bytes and hands out no more than these")

    async def _write_past_tornado(self, stream: SendfileStream, chunk: Chunk) -> bool:
        # Tornado counts what goes through its own write(), and closes a connection that got less than its
        # Content-Length. No public call counts other bytes for it. Without an expectation it checks nothing,
        # as for a body of unknown length; `_check_chunk` and `check_complete` compare with the
        # Content-Length instead.
        connection_of(self._handler)._expected_content_remaining = None  # noqa: SLF001
        deadline = time.monotonic() + MAX_WAIT_S

        def time_left() -> float | None:
            return max(0, deadline - time.monotonic()) if self._holds_memory(chunk) else None

        return await stream.write_chunk(chunk, self._transfer, time_left)

    def _holds_memory(self, chunk: Chunk) -> bool:
        """Whether memory waits for the client: the chunk in hand, or the one prepared."""
        return max(bytes_held(chunk), self._archive.prepared_bytes) > _KEPT_BYTES

    async def _write_through_tornado(self, chunk: Chunk) -> None:
        if isinstance(chunk, bytes):
            await self._flush(chunk)
            return
        parts = chunk.iter_blocks(_READ_BYTES)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:  # the first may be empty
            await self._flush(part)

    async def _flush(self, data: bytes) -> None:
        self._handler.write(data)
        await self._handler.flush()
        self._transfer.bytes_sent += len(data)


def chunks_of(archive: Archive, wanted: ByteRange | None) -> AsyncGenerator[Chunk, None]:
    """What the archive hands out. Raises BackendError when that cannot be pulled and put away."""
    chunks: object = archive.chunks(wanted)
    if isinstance(chunks, AsyncGenerator):
        return chunks
    if inspect.iscoroutine(chunks):
        chunks.close()  # or Python would warn of one that nobody has awaited
    raise BackendError(f"`chunks` of the backend returns a {type(chunks).__name__}, no async generator")


def connection_of(handler: BaseHandler) -> HTTP1Connection:
    return cast(HTTP1Connection, handler.request.connection)


def stream_of(handler: BaseHandler) -> IOStream:
    return connection_of(handler).stream
