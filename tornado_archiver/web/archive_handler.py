"""The handler of `/archive/<hash>/`, which sends a directory as an archive.

Steps: link, slot, manifest, response headers, chunks of the body.
"""

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

log = logging.getLogger(__name__)

PREFIX = "/archive/"

_HTTP_1_1 = "HTTP/1.1"
_ACK_POLL_S = 0.02
_MAX_RANGE_CHARACTERS = 100  # of a Range header on the status page


class ArchiveHandler(BaseHandler):
    """Handler of `/archive/<hash>/`."""

    _task: "asyncio.Task[None] | None" = None

    def initialize(self, services: Services, stall_monitor: StallMonitor) -> None:
        self._services = services
        self._stall_monitor = stall_monitor

    async def head(self) -> None:
        await self._handle()

    async def get(self) -> None:
        await self._handle()

    async def _handle(self) -> None:
        """Respond in a task, which is cancelled when the client disconnects; abort after an error."""
        self._task = asyncio.create_task(self._respond())
        try:
            await self._task
        except ResponseError:
            raise
        except (StreamClosedError, asyncio.CancelledError):
            # a client that has the whole body may disconnect while the cleanup still runs
            self.abort(Outcome.COMPLETE if self.transfer.is_whole else Outcome.CLIENT_CLOSED)
        except ArchiverError as error:
            if not self._headers_written:
                raise to_http_error(error) from error
            self._abort_with_error(error)
        except Exception as error:  # Tornado could not send an error page after the headers
            if not self._headers_written:
                raise
            self.abort(Outcome.FAILED, "internal")
            self.log_exception(type(error), error, error.__traceback__)
        finally:
            self._task = None  # its error would keep this frame, and so the chunks, until the next gc

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._task is not None:
            self._task.cancel()

    def _abort_with_error(self, error: ArchiverError) -> None:
        """Abort because of `error`, and log it once."""
        if self.transfer.outcome is Outcome.RESPONDED:
            log.error(
                "%s: aborted after %d bytes: %s",
                access_log.request_line(self.request),
                self.transfer.bytes_sent,
                error,
            )
        self.abort(Outcome.FAILED, error.reason)

    def abort(self, outcome: Outcome, reason: str = "") -> None:
        """Close the connection so that the client detects an incomplete archive.

        Tornado itself would end a chunked body properly. A body without length and chunks (HTTP/1.0, the
        default of nginx to upstreams) ends with the connection, so that only a reset shows an abort.
        """
        if self.transfer.outcome is Outcome.RESPONDED:
            self.transfer.outcome, self.transfer.reason = outcome, reason
        if outcome is Outcome.SHUTDOWN and self.transfer.content_length is not None:
            # the Content-Length shows it too, and Chromium resumes automatically, but not after a reset
            stream_of(self).close()
        else:
            abort(stream_of(self))

    async def _respond(self) -> None:
        source_hash = self._source_hash()
        verify_link(self._services.link_keys, source_hash, self.request, time.time())
        backend = self._backend()
        labels = self._slot_labels(source_hash)
        async with self._services.admission.slot(client_key(self.transfer.client), labels) as slot:
            manifest = await self._services.scan(source_hash)
            archive = await backend.open(manifest)
            parts = self._set_headers(archive, backend, source_hash)
            if parts and self.transfer.content_length is None:
                await self._refuse_old_protocol(manifest)
            if self.request.method == "HEAD" or not parts:
                await self.flush()  # because finish() would add a Content-Length of 0
                return
            self._download_started(slot, labels)
            await self._send(archive, parts, slot)
        self.transfer.outcome = Outcome.COMPLETE
        if self._is_close_delimited:
            stream_of(self).close()

    def _source_hash(self) -> str:
        source_hash = parse_hash(self.request.path.removeprefix(PREFIX))
        if source_hash is None:
            raise ResponseError(pages.NOT_FOUND, reason=SourceNotFoundError.reason)
        return source_hash

    def _backend(self) -> Backend:
        backend = self._services.get_backend(self.get_query_argument("format", None))
        if backend is None:
            formats = [(each.name, each.extension) for each in self._services.backends]
            raise ResponseError(pages.unknown_format(formats))
        self.transfer.backend = backend.name
        return backend

    def _set_headers(self, archive: Archive, backend: Backend, source_hash: str) -> BodyParts:
        """Set status and headers; return the parts of the body. Raise ResponseError."""
        response = build_response(
            self.request.method or "", self.request.headers, archive.info, backend.media_type
        )
        if response.status in PAGES_WITH_FACTS:
            raise ResponseError(PAGES_WITH_FACTS[response.status], headers=response.headers)
        self.set_status(response.status)
        # Tornado set it before the scan, and Last-Modified must not be later (RFC 9110 8.8.2.1)
        self.set_header("Date", http_date(int(time.time())))
        self.clear_header("Content-Type")
        for header, value in response.headers.items():
            self.set_header(header, value)
        self.set_header(
            "Content-Disposition", content_disposition(self._services.download_filename(source_hash, backend))
        )
        self.set_header("X-Accel-Buffering", "no")  # because nginx would write up to 1 GiB of it to disk
        self.transfer.content_length = response.length
        self.transfer.is_range = response.status == 206
        return response.parts

    async def _refuse_old_protocol(self, manifest: Manifest) -> None:
        """Raise ResponseError if the client could not detect an abort of a body of unknown length."""
        if not shows_aborts(self.request.headers.get("Via", "")):
            formats = [
                (backend.name, backend.extension)
                for backend in self._services.backends
                if (await backend.open(manifest)).info.length is not None
            ]
            raise ResponseError(pages.old_protocol(formats), reason=OLD_PROTOCOL)

    def _slot_labels(self, source_hash: str) -> dict[str, str]:
        """Return the labels for the status page; the hash is shortened, because it gives access."""
        return {
            "id": self.transfer.request_id,
            "client": self.transfer.client,
            "archive": access_log.shorten_hash(source_hash),
        }

    def _download_started(self, slot: int, labels: dict[str, str]) -> None:
        """Count the request as a download, just before its headers are sent."""
        header = self.request.headers.get("Range", "") if self.transfer.is_range else ""
        more = {"backend": self.transfer.backend, "range": header[:_MAX_RANGE_CHARACTERS]}
        self._services.admission.scoreboard.set_labels(slot, labels | more, self.transfer.content_length)
        self.metrics.started(self.transfer)

    async def _send(self, archive: Archive, parts: BodyParts, slot: int) -> None:
        if self._is_close_delimited:
            self.request.headers.pop("Connection", None)  # so that Tornado does not send keep-alive
        await self.flush()
        body = BodyWriter(self, archive, ChunkSize(self._services.rate_limiter.max_chunk_bytes))
        with self._stall_monitor.track(TrackedDownload(self.transfer, stream_of(self), slot, self.abort)):
            for part in parts:
                if isinstance(part, bytes):
                    await body.write(part)
                else:
                    await self._send_range(archive, part, body)
            body.check_complete()
            await self._wait_acknowledged()

    async def _wait_acknowledged(self) -> None:
        """Wait until the client has acknowledged the body, if the connection closes after it.

        When a container stops, its network namespace goes with it, and so do bytes in the kernel's buffers.
        """
        closes = (
            self.request.version != _HTTP_1_1 or "close" in self.request.headers.get("Connection", "").lower()
        )
        stream = stream_of(self)
        # polled, because the kernel does not notify of acknowledgements
        while closes and isinstance(stream, SendfileStream) and stream.unacked_bytes():  # noqa: ASYNC110
            await asyncio.sleep(_ACK_POLL_S)

    async def _send_range(self, archive: Archive, byte_range: ByteRange | None, body: BodyWriter) -> None:
        start = byte_range.start if byte_range else 0
        stop = byte_range.stop if byte_range else archive.info.length
        sent = self.transfer.bytes_sent
        while not await self._send_chunks(archive, byte_range, body):
            heap.trim_soon()
            await body.client_reads()
            assert stop is not None  # noqa: S101 - only a body of known length waits for a client
            byte_range = ByteRange(start + self.transfer.bytes_sent - sent, stop)

    async def _send_chunks(self, archive: Archive, byte_range: ByteRange | None, body: BodyWriter) -> bool:
        """Return whether all was sent; False if the client is too slow for a chunk held in memory."""
        unthrottled = chunks_of(archive, byte_range)
        throttled = self._services.rate_limiter.throttle(unthrottled, self._abort_with_error)
        async with aclosing(throttled) as chunks:
            return await body.write_all(chunks)

    @property
    def _is_close_delimited(self) -> bool:
        """Whether the end of the body is the end of the connection (RFC 9112 6.3).

        So it is for a body of unknown length that Tornado does not send chunked, because the version is not
        HTTP/1.1. Tornado would keep the connection open on request, and the client would wait for more.
        """
        return self.request.version != _HTTP_1_1 and self.transfer.content_length is None

    def on_finish(self) -> None:
        self.metrics.ended(self.transfer, self.request.request_time())


def verify_link(keys: LinkSigner | None, source_hash: str, request: HTTPServerRequest, now: float) -> None:
    """Verify the signature and the expiry time of a link; without keys, every link is valid.

    Called once per request before the first byte, so a download that started in time may finish. Raise
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
    """Return the unmodified value of an argument, "" if it is missing or repeated.

    RequestHandler.get_query_argument() strips blanks and returns the last of several values. No key has
    signed "".
    """
    values = request.query_arguments.get(name, [])
    return values[0].decode("latin-1") if len(values) == 1 else ""
