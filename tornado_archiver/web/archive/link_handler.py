"""Base class of the handlers of archive links: from a link to an archive that can be sent."""

import asyncio
import time
from abc import abstractmethod
from typing import NamedTuple

from tornado.iostream import StreamClosedError

from tornado_archiver.backend import Archive, ArchiveInfo, Backend
from tornado_archiver.errors import ArchiverError, SourceNotFoundError
from tornado_archiver.http.conditional import http_date
from tornado_archiver.http.forwarded import shows_aborts
from tornado_archiver.http.response import Response, build_response
from tornado_archiver.links.link import ArchiveLink, parse_link
from tornado_archiver.source import Manifest
from tornado_archiver.telemetry.metrics import OLD_PROTOCOL
from tornado_archiver.telemetry.transfer import Outcome
from tornado_archiver.web import access_log, pages
from tornado_archiver.web.archive.body_writer import stream_of
from tornado_archiver.web.base_handler import BaseHandler
from tornado_archiver.web.error_pages import PAGES_WITH_FACTS, ResponseError, to_http_error
from tornado_archiver.web.net.sendfile import abort, hides_abort
from tornado_archiver.web.services import Services

PREFIX = "/archive/"


class PreparedArchive(NamedTuple):
    """An archive that can be sent, with its response and the name of the download."""

    archive: Archive
    response: Response
    file_name: str


class LinkHandler(BaseHandler):
    """Handler of an archive link. Its methods raise ResponseError and ArchiverError."""

    _task: "asyncio.Task[None] | None" = None

    def initialize(self, services: Services) -> None:
        self.services = services

    async def head(self) -> None:
        await self._handle()

    async def get(self) -> None:
        await self._handle()

    async def _handle(self) -> None:
        """Respond in a task, which is cancelled when the client disconnects; abort after an error."""
        self._task = asyncio.create_task(self.respond())
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
            self.abort_with_error(error)
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

    def abort_with_error(self, error: ArchiverError) -> None:
        """Abort because of `error`, and log it once."""
        if self.transfer.outcome is Outcome.RESPONDED:
            self.log_error(f"aborted after {self.transfer.bytes_sent} bytes: {error}")
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

    @abstractmethod
    async def respond(self) -> None:
        """Send the response. Cancelled when the client disconnects."""

    def on_finish(self) -> None:
        self.metrics.ended(self.transfer, self.request.request_time())

    def link(self) -> ArchiveLink:
        """Return the verified link. Raise ResponseError, BadSignatureError, LinkExpiredError."""
        link = parse_link(self.request.path.removeprefix(PREFIX), self.request.query_arguments)
        if link is not None:
            self.transfer.archive = access_log.shorten_hash(link.source_hash)  # the whole one gives access
        if link is None or not self.services.backends_for(link):
            raise ResponseError(pages.NOT_FOUND, reason=SourceNotFoundError.reason)
        link.verify(self.services.link_keys, time.time())
        return link

    def backend(self, link: ArchiveLink) -> Backend:
        backends = self.services.backends_for(link)
        name = self.get_query_argument("format", backends[0].name)
        backend = next((each for each in backends if each.name == name), None)
        if backend is None:
            raise ResponseError(pages.unknown_format([(each.name, each.extension) for each in backends]))
        self.transfer.backend = backend.name
        return backend

    async def prepare_archive(self, link: ArchiveLink, backend: Backend) -> PreparedArchive:
        """Scan the directory and return the response. Raise ResponseError, ArchiverError."""
        manifest = await self.services.scan(link)
        archive = await self.services.open(link, manifest, backend)
        response = self.build_response(archive.info, backend.media_type)
        if response.parts and response.length is None:
            await self._refuse_old_protocol(manifest)
        file_name = self.services.download_filename(link, manifest, backend)
        return PreparedArchive(archive, response, file_name)

    def build_response(self, info: ArchiveInfo, media_type: str) -> Response:
        response = build_response(self.request.method or "", self.request.headers, info, media_type)
        if response.status in PAGES_WITH_FACTS:
            raise ResponseError(PAGES_WITH_FACTS[response.status], headers=response.headers)
        return response

    def set_headers(self, response: Response) -> None:
        self.set_status(response.status)
        # Tornado set it before the scan, and Last-Modified must not be later (RFC 9110 8.8.2.1)
        self.set_header("Date", http_date(int(time.time())))
        self.clear_header("Content-Type")
        for header, value in response.headers.items():
            self.set_header(header, value)
        self.transfer.content_length = response.length
        self.transfer.is_range = response.status == 206

    async def _refuse_old_protocol(self, manifest: Manifest) -> None:
        """Raise ResponseError if the client could not detect an abort of a body of unknown length."""
        is_hidden = hides_abort(stream_of(self), self.request.version)
        if is_hidden or not shows_aborts(self.request.headers.get("Via", "")):
            formats = [
                (backend.name, backend.extension)
                for backend in self.services.backends
                if (await backend.open(manifest)).info.length is not None
            ]
            raise ResponseError(pages.old_protocol(formats), reason=OLD_PROTOCOL)
