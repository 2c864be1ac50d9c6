"""The straight line from a link to an archive: source, manifest, facts, head, chunks; no way back."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from tornado_archiver.backend import Archive, ArchiveInfo, Backend
from tornado_archiver.disposition import attachment
from tornado_archiver.errors import ArchiverError
from tornado_archiver.service import Service
from tornado_archiver.sourcepath import source_hash
from tornado_archiver.web import access_log, pages
from tornado_archiver.web.base_handler import BaseHandler
from tornado_archiver.web.http_errors import RefusedError, refused

log = logging.getLogger(__name__)

PREFIX = "/archive/"

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


class ArchiveHandler(BaseHandler):
    """`/archive/<hash>/`"""

    _sending: "asyncio.Task[None] | None" = None

    def initialize(self, service: Service, running: set["ArchiveHandler"]) -> None:
        self._service = service
        self._running = running

    async def head(self) -> None:
        await self._opened()
        try:
            await self.flush()  # as it stands: finish() would add a Content-Length of 0
        except StreamClosedError:
            self.cut("visitor left")

    async def get(self) -> None:
        archive = await self._opened()
        if self.request.version == "HTTP/1.0":
            self.request.headers.pop("Connection", None)  # else Tornado promises to keep it open
        self._sending = asyncio.create_task(self._send(archive))
        self._running.add(self)
        try:
            await self._sending
            self.outcome = "complete"
            self._end_body()
        except (StreamClosedError, asyncio.CancelledError):
            self.cut("visitor left")
        except ArchiverError as error:
            self.cut(f"failed: {error}")
            log.error("%s: cut after %d bytes: %s", access_log.summary(self.request), self.bytes_sent, error)
        except Exception as error:
            self.cut(f"failed: {type(error).__name__}")
            raise
        finally:
            self._running.discard(self)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._sending is not None:
            self._sending.cancel()

    def _end_body(self) -> None:
        """For a client of HTTP/1.0, which knows no chunks, the body ends with the connection. Tornado would
        keep that open for one that asks to, which would wait for more."""
        if self.request.version == "HTTP/1.0":
            self._stream.close()

    def cut(self, outcome: str) -> None:
        """Close the connection, so that what was sent cannot pass for a whole archive.

        Left alone, Tornado would end a chunked body properly. A body without length and chunks (HTTP/1.0,
        nginx's default towards us) ends with the connection, and only a reset tells that this is no end.
        """
        if self.outcome == BaseHandler.outcome:
            self.outcome = outcome
        if not self._stream.closed():
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._stream.close()

    @property
    def _stream(self) -> IOStream:
        return cast(HTTP1Connection, self.request.connection).stream

    async def _opened(self) -> Archive:
        """The archive that the link asks for, its head set. Raises RefusedError."""
        backend = self._backend()
        name = source_hash(self.request.path.removeprefix(PREFIX))
        if name is None:
            raise RefusedError(pages.NOT_FOUND)
        try:
            archive = await backend.open(await self._service.storage.manifest(name))
        except ArchiverError as error:
            raise refused(error) from error
        self._set_head(archive.info, backend, self._service.file_name(name, backend))
        return archive

    def _backend(self) -> Backend:
        backend = self._service.backend(self.get_query_argument("format", None))
        if backend is None:
            raise RefusedError(pages.unknown_format([offered.name for offered in self._service.backends]))
        return backend

    def _set_head(self, info: ArchiveInfo, backend: Backend, file_name: str) -> None:
        self.set_header("Content-Type", backend.media_type)
        self.set_header("Content-Disposition", attachment(file_name))
        # no-transform: a proxy that compressed the body once more would break its length and its ranges
        self.set_header("Cache-Control", "private, no-transform")
        self.set_header("X-Accel-Buffering", "no")  # nginx would else spool up to 1 GiB of it to its disk
        self.set_header("Accept-Ranges", "none")
        if info.length is not None:
            self.set_header("Content-Length", info.length)

    async def _send(self, archive: Archive) -> None:
        await self.flush()
        async with aclosing(_delayed(archive.chunks(), self._service.response_delay_s)) as chunks:
            async for chunk in chunks:
                self.write(chunk)
                await self.flush()  # returns when the visitor's side has taken it: the back-pressure
                self.bytes_sent += len(chunk)


async def _delayed(chunks: AsyncGenerator[bytes, None], seconds: float) -> AsyncGenerator[bytes, None]:
    """The same chunks, with a pause between two of them: a slow download to try things with."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            if seconds:
                await asyncio.sleep(seconds)
