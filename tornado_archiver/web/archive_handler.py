"""The straight line from a link to an archive: source, manifest, facts, head, chunks; no way back."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from tornado_archiver.backend import Archive, ArchiveInfo, Backend
from tornado_archiver.chunks import Chunk, FileSlice
from tornado_archiver.disposition import attachment
from tornado_archiver.errors import ArchiverError
from tornado_archiver.service import Service
from tornado_archiver.sourcepath import source_hash
from tornado_archiver.web import access_log, pages
from tornado_archiver.web.answer import Parts, answer_to
from tornado_archiver.web.base_handler import BaseHandler
from tornado_archiver.web.http_errors import REFUSALS, RefusedError, refused
from tornado_archiver.web.sendfile_stream import SendfileStream, reset

log = logging.getLogger(__name__)

PREFIX = "/archive/"

_READ_BYTES = 256 * 1024


class ArchiveHandler(BaseHandler):
    """`/archive/<hash>/`"""

    _sending: "asyncio.Task[None] | None" = None

    def initialize(self, service: Service, running: set["ArchiveHandler"]) -> None:
        self._service = service
        self._running = running

    async def head(self) -> None:
        self._set_head(*await self._opened())
        try:
            await self.flush()  # as it stands: finish() would add a Content-Length of 0
        except StreamClosedError:
            self.cut("visitor left")

    async def get(self) -> None:
        archive, backend = await self._opened()
        parts = self._set_head(archive, backend)
        if self.request.version == "HTTP/1.0" and archive.info.length is None:
            self.request.headers.pop("Connection", None)  # else Tornado promises to keep it open
        self._sending = asyncio.create_task(self._send(archive, parts))
        self._running.add(self)
        try:
            await self._sending
            self.outcome = "complete"
            self._end_body(archive.info)
        except (StreamClosedError, asyncio.CancelledError):
            # who has all that was promised may hang up before we have put everything away
            has_all = str(self.bytes_sent) == self.promised_bytes
            self.cut("complete" if has_all else "visitor left")
        except ArchiverError as error:
            self.cut(f"failed: {error}")
            log.error("%s: cut after %d bytes: %s", access_log.summary(self.request), self.bytes_sent, error)
        except Exception as error:  # noqa: BLE001 - Tornado could only say that it cannot answer any more
            self.cut(f"failed: {type(error).__name__}")
            self.log_exception(type(error), error, error.__traceback__)
        finally:
            self._running.discard(self)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._sending is not None:
            self._sending.cancel()

    def _end_body(self, info: ArchiveInfo) -> None:
        """For a client of HTTP/1.0, which knows no chunks, a body of unknown length ends with the connection.
        Tornado would keep that open for one that asks to, which would wait for more."""
        if self.request.version == "HTTP/1.0" and info.length is None:
            self._stream.close()

    def cut(self, outcome: str) -> None:
        """Close the connection, so that what was sent cannot pass for a whole archive.

        Left alone, Tornado would end a chunked body properly. A body without length and chunks (HTTP/1.0,
        nginx's default towards us) ends with the connection, and only a reset tells that this is no end.
        """
        if self.outcome == BaseHandler.outcome:
            self.outcome = outcome
        reset(self._stream)

    @property
    def promised_bytes(self) -> str | None:
        """The Content-Length, None when the archive's length shows only at its end."""
        return self._headers.get("Content-Length")

    @property
    def _stream(self) -> IOStream:
        return self._connection.stream

    @property
    def _connection(self) -> HTTP1Connection:
        return cast(HTTP1Connection, self.request.connection)

    async def _opened(self) -> tuple[Archive, Backend]:
        """The archive that the link asks for, and who makes it. Raises RefusedError."""
        backend = self._backend()
        name = self._source_hash()
        try:
            return await backend.open(await self._service.storage.manifest(name)), backend
        except ArchiverError as error:
            raise refused(error) from error

    def _source_hash(self) -> str:
        name = source_hash(self.request.path.removeprefix(PREFIX))
        if name is None:
            raise RefusedError(pages.NOT_FOUND)
        return name

    def _backend(self) -> Backend:
        backend = self._service.backend(self.get_query_argument("format", None))
        if backend is None:
            raise RefusedError(pages.unknown_format([offered.name for offered in self._service.backends]))
        return backend

    def _set_head(self, archive: Archive, backend: Backend) -> Parts:
        """Status and headers; returns what the body consists of. Raises RefusedError."""
        answer = answer_to(self.request.method or "", self.request.headers, archive.info, backend.media_type)
        if answer.status in REFUSALS:
            raise RefusedError(REFUSALS[answer.status], headers=answer.headers)
        self.set_status(answer.status)
        self.clear_header("Content-Type")
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.set_header(
            "Content-Disposition", attachment(self._service.file_name(self._source_hash(), backend))
        )
        # no-transform: a proxy that compressed the body once more would break its length and its ranges
        self.set_header("Cache-Control", "private, no-transform")
        self.set_header("X-Accel-Buffering", "no")  # nginx would else spool up to 1 GiB of it to its disk
        return answer.parts

    async def _send(self, archive: Archive, parts: Parts) -> None:
        await self.flush()
        for part in parts:
            if isinstance(part, bytes):
                await self._put(part)
                continue
            async with aclosing(_delayed(archive.chunks(part), self._service.response_delay_s)) as chunks:
                async for chunk in chunks:
                    await self._put(chunk)

    async def _put(self, chunk: Chunk) -> None:
        """Returns when the visitor's side has taken the chunk: that is the back-pressure."""
        if isinstance(chunk, bytes):
            self.write(chunk)
            await self.flush()
        elif isinstance(self._stream, SendfileStream) and self.promised_bytes is not None:
            await self._put_slice(chunk)  # not into a chunked body, where Tornado frames what it is given
        else:
            parts = chunk.parts(_READ_BYTES)
            while (part := await asyncio.to_thread(next, parts, None)) is not None:  # the first may be empty
                self.write(part)
                await self.flush()
        self.bytes_sent += len(chunk)

    async def _put_slice(self, piece: FileSlice) -> None:
        """By the kernel. However this is left early, the sending has ended by then: the descriptor's number
        may be another file's soon."""
        try:
            # which only counts it and hands it on to the stream
            await self._connection.write(cast(bytes, piece))
        except BaseException:
            reset(self._stream)
            raise
        error = self._stream.error  # Tornado's connection keeps to itself what went wrong
        if error is not None or self._stream.closed():
            raise error if isinstance(error, ArchiverError) else StreamClosedError(real_error=error)


async def _delayed(chunks: AsyncGenerator[Chunk, None], seconds: float) -> AsyncGenerator[Chunk, None]:
    """The same chunks, with a pause between two of them: a slow download to try things with."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            if seconds:
                await asyncio.sleep(seconds)
