"""Puts an archive's chunks on a connection, each as soon as the visitor's side has taken the one before."""

import asyncio
import inspect
from collections.abc import AsyncGenerator
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from tornado_archiver.backend import Archive
from tornado_archiver.byterange import ByteRange
from tornado_archiver.chunks import Chunk, FileSlice
from tornado_archiver.errors import ArchiverError, PackingError
from tornado_archiver.web.base_handler import BaseHandler
from tornado_archiver.web.sendfile_stream import SendfileStream, reset

_READ_BYTES = 256 * 1024


class BodyWriter:
    """Of one answer, whose head `handler` has set."""

    def __init__(self, handler: BaseHandler) -> None:
        self._handler = handler
        self._record = handler.record
        self._done = 0

    async def put(self, chunk: Chunk) -> None:
        """Returns when the connection has taken the chunk: that is the back-pressure. Raises
        StreamClosedError, PackingError for what is no chunk or was not promised, and what reading a file
        slice raises."""
        self._check(chunk)
        if self._record.first_byte_s is None:
            self._record.first_byte_s = self._handler.request.request_time()
            self._handler.metrics.first_byte(self._record)
        if isinstance(chunk, bytes):
            self._handler.write(chunk)
            await self._handler.flush()
        elif isinstance(stream_of(self._handler), SendfileStream) and self._record.promised is not None:
            await self._put_slice(chunk)  # not into a chunked body, where Tornado frames what it is given
        else:
            await self._put_parts(chunk)
        self._done += len(chunk)
        self._record.sent = self._done

    def _check(self, chunk: object) -> None:
        if not isinstance(chunk, Chunk):
            raise PackingError(f"the backend hands out a {type(chunk).__name__}, not bytes or a FileSlice")
        promised = self._record.promised
        if promised is not None and self._done + len(chunk) > promised:
            raise PackingError(f"the backend hands out more than the {promised} bytes that it promised")

    def end(self) -> None:
        """Nothing comes any more. Raises PackingError unless all that was promised has."""
        promised = self._record.promised
        if promised not in (None, self._done):
            raise PackingError(f"the backend promised {promised} bytes and hands out no more than these")

    async def _put_parts(self, piece: FileSlice) -> None:
        parts = piece.parts(_READ_BYTES)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:  # the first may be empty
            self._handler.write(part)
            await self._handler.flush()

    async def _put_slice(self, piece: FileSlice) -> None:
        """By the kernel. However this is left early, the sending has ended by then: the descriptor's number
        may be another file's soon."""
        stream = stream_of(self._handler)
        try:
            # which only counts it and hands it on to the stream
            await connection_of(self._handler).write(cast(bytes, piece))
        except BaseException:
            reset(stream)
            raise
        error = stream.error  # Tornado's connection keeps to itself what went wrong
        if error is not None or stream.closed():
            raise error if isinstance(error, ArchiverError) else StreamClosedError(real_error=error)


def chunks_of(archive: Archive, wanted: ByteRange | None) -> AsyncGenerator[Chunk, None]:
    """What the archive hands out. Raises PackingError when that cannot be pulled and put away."""
    chunks: object = archive.chunks(wanted)
    if isinstance(chunks, AsyncGenerator):
        return chunks
    if inspect.iscoroutine(chunks):
        chunks.close()  # or Python would warn of one that nobody has awaited
    raise PackingError(f"`chunks` of the backend returns a {type(chunks).__name__}, no async generator")


def connection_of(handler: BaseHandler) -> HTTP1Connection:
    return cast(HTTP1Connection, handler.request.connection)


def stream_of(handler: BaseHandler) -> IOStream:
    return connection_of(handler).stream
