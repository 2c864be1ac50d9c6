"""The straight line from a link to an archive: place, source, manifest, facts, head, chunks; no way back."""

import asyncio
import logging
import time
from contextlib import aclosing

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError

from tornado_archiver.backend import Archive, Backend, ByteRange
from tornado_archiver.errors import ArchiverError, SourceNotFoundError
from tornado_archiver.http.conditional import http_date
from tornado_archiver.http.disposition import content_disposition
from tornado_archiver.http.forwarded import client_key, shows_aborts
from tornado_archiver.http.response import BodyParts, build_response
from tornado_archiver.links.path import parse_hash
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.runtime import heap
from tornado_archiver.source import Manifest
from tornado_archiver.telemetry.metrics import OLD_PROTOCOL
from tornado_archiver.telemetry.transfer import Outcome
from tornado_archiver.web import access_log, pages
from tornado_archiver.web.base_handler import BaseHandler
from tornado_archiver.web.body_writer import BodyWriter, chunks_of, stream_of
from tornado_archiver.web.error_pages import PAGES_WITH_FACTS, ResponseError, to_http_error
from tornado_archiver.web.net.chunk_size import ChunkSize
from tornado_archiver.web.net.sendfile import SendfileStream, abort
from tornado_archiver.web.net.stall_monitor import StallMonitor, TrackedDownload
from tornado_archiver.web.services import Services


def verify_link(keys: LinkSigner | None, source_hash: str, request: HTTPServerRequest, now: float) -> None:
    """Nothing when the link is good, or needs no signature because there are no keys.

    Once per request, before its first byte: a download that began in time may finish. Raises
    BadSignatureError, LinkExpiredError.
    """
    if keys is not None:
        keys.verify(
            source_hash,
            _single_query_argument(request, "expires"),
            _single_query_argument(request, "signature"),
            now,
        )


def _single_query_argument(request: HTTPServerRequest, name: str) -> str:
    """What stands in the query exactly once, as it was sent: Tornado's own getter strips blanks and picks one
    of several. Else nothing, which no key has signed."""
    values = request.query_arguments.get(name, [])
    return values[0].decode("latin-1") if len(values) == 1 else ""


log = logging.getLogger(__name__)

PREFIX = "/archive/"

_HTTP_1_1 = "HTTP/1.1"
_ACK_POLL_S = 0.02
_RANGE_CHARACTERS = 100  # of a range that is shown to the admin


class ArchiveHandler(BaseHandler):
    """`/archive/<hash>/`"""

    _task: "asyncio.Task[None] | None" = None

    def initialize(self, service: Services, watch: StallMonitor) -> None:
        self._service = service
        self._watch = watch

    async def head(self) -> None:
        await self._handle()

    async def get(self) -> None:
        await self._handle()

    async def _handle(self) -> None:
        """Answer as far as the visitor stays, and cut what cannot be ended."""
        self._task = asyncio.create_task(self._respond())
        try:
            await self._task
        except ResponseError:
            raise
        except (StreamClosedError, asyncio.CancelledError):
            # who has all that was promised may hang up before we have put everything away
            self.abort(Outcome.COMPLETE if self.transfer.is_whole else Outcome.CLIENT_CLOSED)
        except ArchiverError as error:
            if not self._headers_written:
                raise to_http_error(error) from error
            self._abort_with_error(error)
        except Exception as error:  # Tornado could only say that it cannot answer any more
            if not self._headers_written:
                raise
            self.abort(Outcome.FAILED, "internal")
            self.log_exception(type(error), error, error.__traceback__)
        finally:
            self._task = None  # its error knows this frame, and so all that was under way, until the next gc

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._task is not None:
            self._task.cancel()

    def _abort_with_error(self, error: ArchiverError) -> None:
        """Cut because of that, and say so once."""
        if self.transfer.outcome is Outcome.RESPONDED:
            log.error(
                "%s: cut after %d bytes: %s",
                access_log.request_line(self.request),
                self.transfer.bytes_sent,
                error,
            )
        self.abort(Outcome.FAILED, error.reason)

    def abort(self, outcome: Outcome, reason: str = "") -> None:
        """Close the connection, so that what was sent cannot pass for a whole archive.

        Left alone, Tornado would end a chunked body properly. A body without length and chunks (HTTP/1.0,
        nginx's default towards us) ends with the connection, and only a reset tells that this is no end.
        """
        if self.transfer.outcome is Outcome.RESPONDED:
            self.transfer.outcome, self.transfer.reason = outcome, reason
        if outcome is Outcome.SHUTDOWN and self.transfer.content_length is not None:
            # what was promised tells as well, and Chromium asks by itself for the rest, but not after a reset
            stream_of(self).close()
        else:
            abort(stream_of(self))

    async def _respond(self) -> None:
        name = self._source_hash()
        verify_link(self._service.link_keys, name, self.request, time.time())
        backend = self._backend()
        details = self._slot_labels(name)
        async with self._service.admission.slot(client_key(self.transfer.client), details) as slot:
            manifest = await self._service.scan(name)
            archive = await backend.open(manifest)
            parts = self._set_headers(archive, backend, name)
            if parts and self.transfer.content_length is None:
                await self._refuse_old_protocol(manifest)
            if self.request.method == "HEAD" or not parts:
                await self.flush()  # as it stands: finish() would add a Content-Length of 0
                return
            self._download_started(slot, details)
            await self._send(archive, parts, slot)
        self.transfer.outcome = Outcome.COMPLETE
        self._finish_body()

    def _source_hash(self) -> str:
        name = parse_hash(self.request.path.removeprefix(PREFIX))
        if name is None:
            raise ResponseError(pages.NOT_FOUND, reason=SourceNotFoundError.reason)
        return name

    def _backend(self) -> Backend:
        backend = self._service.get_backend(self.get_query_argument("format", None))
        if backend is None:
            raise ResponseError(pages.unknown_format([offered.name for offered in self._service.backends]))
        self.transfer.backend = backend.name
        return backend

    def _set_headers(self, archive: Archive, backend: Backend, name: str) -> BodyParts:
        """Status and headers; returns what the body consists of. Raises ResponseError."""
        response = build_response(
            self.request.method or "", self.request.headers, archive.info, backend.media_type
        )
        if response.status in PAGES_WITH_FACTS:
            raise ResponseError(PAGES_WITH_FACTS[response.status], headers=response.headers)
        self.set_status(response.status)
        # Tornado's is older than the walk, and Last-Modified may not be later (RFC 9110 8.8.2.1)
        self.set_header("Date", http_date(int(time.time())))
        self.clear_header("Content-Type")
        for header, value in response.headers.items():
            self.set_header(header, value)
        self.set_header(
            "Content-Disposition", content_disposition(self._service.download_filename(name, backend))
        )
        self.set_header("X-Accel-Buffering", "no")  # nginx would else spool up to 1 GiB of it to its disk
        self.transfer.content_length = response.length
        self.transfer.is_range = response.status == 206
        return response.parts

    async def _refuse_old_protocol(self, manifest: Manifest) -> None:
        """Raise ResponseError if the client could not see an abort of a body of unknown length."""
        if not shows_aborts(self.request.headers.get("Via", "")):
            names = [
                backend.name
                for backend in self._service.backends
                if (await backend.open(manifest)).info.length is not None
            ]
            raise ResponseError(pages.old_protocol(names), reason=OLD_PROTOCOL)

    def _slot_labels(self, name: str) -> dict[str, str]:
        """What the admin may know of this download; the hash would open it to him as well."""
        return {
            "id": self.transfer.request_id,
            "client": self.transfer.client,
            "archive": access_log.shorten_hash(name),
        }

    def _download_started(self, slot: int, details: dict[str, str]) -> None:
        """The head is about to go out: from here on it counts as a download."""
        wanted = self.request.headers.get("Range", "")[:_RANGE_CHARACTERS] if self.transfer.is_range else ""
        more = {"backend": self.transfer.backend, "range": wanted}
        self._service.admission.scoreboard.set_labels(slot, details | more, self.transfer.content_length)
        self.metrics.started(self.transfer)

    async def _send(self, archive: Archive, parts: BodyParts, slot: int) -> None:
        if self._is_close_delimited:
            self.request.headers.pop("Connection", None)  # else Tornado promises to keep it open
        await self.flush()
        body = BodyWriter(self, archive, ChunkSize(self._service.rate_limiter.max_chunk_bytes))
        with self._watch.track(TrackedDownload(self.transfer, stream_of(self), slot, self.abort)):
            for part in parts:
                if isinstance(part, bytes):
                    await body.write(part)
                else:
                    await self._send_range(archive, part, body)
            body.check_complete()
            await self._wait_acknowledged()

    async def _wait_acknowledged(self) -> None:
        """A connection that closes behind the archive is held until the other side has acknowledged all of
        it: a container that stops takes its network along, and what the kernel has still to send."""
        closes = (
            self.request.version != _HTTP_1_1 or "close" in self.request.headers.get("Connection", "").lower()
        )
        stream = stream_of(self)
        # the kernel tells nobody when that is
        while closes and isinstance(stream, SendfileStream) and stream.unacked_bytes():  # noqa: ASYNC110
            await asyncio.sleep(_ACK_POLL_S)

    async def _send_range(self, archive: Archive, wanted: ByteRange | None, body: BodyWriter) -> None:
        start = wanted.start if wanted else 0
        stop = wanted.stop if wanted else archive.info.length
        sent = self.transfer.bytes_sent
        while not await self._send_chunks(archive, wanted, body):
            heap.trim_soon()
            await body.client_reads()
            assert stop is not None  # noqa: S101 - only a body of known length waits for a client
            wanted = ByteRange(start + self.transfer.bytes_sent - sent, stop)

    async def _send_chunks(self, archive: Archive, wanted: ByteRange | None, body: BodyWriter) -> bool:
        """Whether all was sent; else the client is too slow for the memory that waits for it."""
        handed_out = chunks_of(archive, wanted)
        async with aclosing(
            self._service.rate_limiter.throttle(handed_out, self._abort_with_error)
        ) as chunks:
            return await body.write_all(chunks)

    @property
    def _is_close_delimited(self) -> bool:
        """A body of unknown length that Tornado does not send in chunks ends so: for a client of HTTP/1.0, or
        of a version nobody has seen yet. Tornado would keep the connection open for one that asks to, which
        would wait for more."""
        return self.request.version != _HTTP_1_1 and self.transfer.content_length is None

    def _finish_body(self) -> None:
        if self._is_close_delimited:
            stream_of(self).close()

    def on_finish(self) -> None:
        self.metrics.ended(self.transfer, self.request.request_time())
