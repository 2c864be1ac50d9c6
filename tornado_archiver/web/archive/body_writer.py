"""The writer of response bodies: sends chunks with back-pressure, and limits the memory of slow clients."""

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
MAX_WAIT_S = 2  # how long a chunk in memory waits for its client
_KEPT_BYTES = 16 * 1024  # a smaller chunk is kept, because generating it again costs more


class BodyWriter:
    """Writer of one response body from the chunks of `archive`, after `handler` has set the headers.

    For a slow client, a chunk is generated only when the socket is writable, so that no chunk waits in
    memory. A chunk of a client that was fast before is dropped after MAX_WAIT_S seconds and generated again
    when the client reads.
    """

    def __init__(self, handler: BaseHandler, archive: Archive, chunk_size: ChunkSize) -> None:
        self._handler = handler
        self._transfer = handler.transfer
        self._archive = archive
        self._chunk_size = chunk_size

    async def write_all(self, chunks: AsyncGenerator[Chunk, None]) -> bool:
        """Write the chunks, each after the kernel has accepted the previous one (back-pressure).

        Return False when the client is too slow for a chunk in memory. The caller then closes the chunks,
        which frees their memory, awaits `client_reads`, and requests chunks from `bytes_sent` on. Raise
        StreamClosedError, BackendError for an invalid chunk or a wrong length, and errors of reading a file
        slice.
        """
        while True:
            self._archive.chunk_bytes = self._chunk_size.bytes
            started_at, sent = time.monotonic(), self._transfer.bytes_sent
            if self._chunk_size.is_smallest:
                await self.client_reads()
            requested_at = time.monotonic()
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return True
            started_at += time.monotonic() - requested_at  # the backend's time does not count for the client
            is_whole = await self.write(chunk)
            del chunk  # so that it does not stay in memory until the next one
            self._chunk_size.sent(self._transfer.bytes_sent - sent, time.monotonic() - started_at)
            if not is_whole:
                self._chunk_size.reset()
                return False

    async def client_reads(self) -> None:
        """Wait until the socket is writable. Raise StreamClosedError."""
        stream = stream_of(self._handler)
        if isinstance(stream, SendfileStream):
            await stream.writable()

    async def write(self, chunk: Chunk | bytes) -> bool:
        """Write a chunk. Return False if the client is too slow for its memory; then part of it may be sent.

        Raise as `write_all` does.
        """
        self._check_chunk(chunk)
        if self._transfer.time_to_first_byte_s is None:
            self._transfer.time_to_first_byte_s = self._handler.request.request_time()
            self._handler.metrics.first_byte(self._transfer)
        stream = stream_of(self._handler)
        if isinstance(stream, SendfileStream) and self._transfer.content_length is not None:
            return await self._write_to_socket(stream, chunk)
        await self._write_with_tornado(chunk)  # because it encodes a chunked body, and encrypts
        return True

    def _check_chunk(self, chunk: object) -> None:
        if not isinstance(chunk, Chunk):
            raise BackendError(f"the backend yielded a {type(chunk).__name__}, not bytes or a FileSlice")
        length = self._transfer.content_length
        if length is not None and self._transfer.bytes_sent + len(chunk) > length:
            raise BackendError(f"the backend yielded more bytes than its length of {length}")

    def check_complete(self) -> None:
        """Raise BackendError if the body is shorter than its Content-Length."""
        length = self._transfer.content_length
        if length not in (None, self._transfer.bytes_sent):
            raise BackendError(f"the backend yielded fewer bytes than its length of {length}")

    async def _write_to_socket(self, stream: SendfileStream, chunk: Chunk) -> bool:
        # Tornado counts the bytes that pass through write(), and closes a connection that got fewer than its
        # Content-Length. No public method counts other bytes. None turns this check off, as for a body of
        # unknown length; `_check_chunk` and `check_complete` check the Content-Length instead.
        connection_of(self._handler)._expected_content_remaining = None  # noqa: SLF001
        deadline = time.monotonic() + MAX_WAIT_S

        def remaining_s() -> float | None:
            return max(0, deadline - time.monotonic()) if self._holds_memory(chunk) else None

        return await stream.write_chunk(chunk, self._transfer, remaining_s)

    def _holds_memory(self, chunk: Chunk) -> bool:
        """Return whether this chunk or the prepared one holds memory for the client."""
        return max(bytes_held(chunk), self._archive.prepared_bytes) > _KEPT_BYTES

    async def _write_with_tornado(self, chunk: Chunk) -> None:
        if isinstance(chunk, bytes):
            await self._flush(chunk)
            return
        blocks = chunk.iter_blocks(_READ_BYTES)
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:  # the first may be empty
            await self._flush(block)

    async def _flush(self, data: bytes) -> None:
        self._handler.write(data)
        await self._handler.flush()
        self._transfer.bytes_sent += len(data)


def chunks_of(archive: Archive, byte_range: ByteRange | None) -> AsyncGenerator[Chunk, None]:
    """Return the chunks of the archive. Raise BackendError if they are not an async generator."""
    chunks: object = archive.chunks(byte_range)
    if isinstance(chunks, AsyncGenerator):
        return chunks
    if inspect.iscoroutine(chunks):
        chunks.close()  # so that Python does not warn of a coroutine that was never awaited
    raise BackendError(f"`chunks` of the backend returned a {type(chunks).__name__}, not an async generator")


def connection_of(handler: BaseHandler) -> HTTP1Connection:
    return cast(HTTP1Connection, handler.request.connection)


def stream_of(handler: BaseHandler) -> IOStream:
    return connection_of(handler).stream
