"""The straight line from a link to an archive: place, source, manifest, facts, head, chunks; no way back."""

import asyncio
import logging
import time
from contextlib import aclosing

from tornado.iostream import StreamClosedError

from tornado_archiver import heap
from tornado_archiver.backend import Archive, Backend
from tornado_archiver.byterange import ByteRange
from tornado_archiver.client_address import client_group
from tornado_archiver.conditional import http_date
from tornado_archiver.disposition import attachment
from tornado_archiver.errors import ArchiverError, SourceNotFoundError
from tornado_archiver.manifest import Manifest
from tornado_archiver.service import Service
from tornado_archiver.sourcepath import source_hash
from tornado_archiver.web import access_log, pages
from tornado_archiver.web.answer import Parts, answer_to
from tornado_archiver.web.base_handler import BaseHandler
from tornado_archiver.web.body_writer import BodyWriter, chunks_of, stream_of
from tornado_archiver.web.chunk_size import ChunkSize
from tornado_archiver.web.http_errors import REFUSALS, RefusedError, refused
from tornado_archiver.web.link_check import check_link
from tornado_archiver.web.metrics import OLD_PROTOCOL
from tornado_archiver.web.record import Outcome
from tornado_archiver.web.sendfile_stream import SendfileStream, reset
from tornado_archiver.web.via import shows_aborts
from tornado_archiver.web.watch import Download, Watch

log = logging.getLogger(__name__)

PREFIX = "/archive/"

_WITH_CHUNKS = "HTTP/1.1"
_LOOK_S = 0.02
_RANGE_CHARACTERS = 100  # of a range that is shown to the admin


class ArchiveHandler(BaseHandler):
    """`/archive/<hash>/`"""

    _work: "asyncio.Task[None] | None" = None

    def initialize(self, service: Service, watch: Watch) -> None:
        self._service = service
        self._watch = watch

    async def head(self) -> None:
        await self._carry_out()

    async def get(self) -> None:
        await self._carry_out()

    async def _carry_out(self) -> None:
        """Answer as far as the visitor stays, and cut what cannot be ended."""
        self._work = asyncio.create_task(self._answer())
        try:
            await self._work
        except RefusedError:
            raise
        except (StreamClosedError, asyncio.CancelledError):
            # who has all that was promised may hang up before we have put everything away
            has_all = self.record.sent == self.record.promised
            self.cut(Outcome.COMPLETE if has_all else Outcome.LEFT)
        except ArchiverError as error:
            if not self._headers_written:
                raise refused(error) from error
            self._fail(error)
        except Exception as error:  # Tornado could only say that it cannot answer any more
            if not self._headers_written:
                raise
            self.cut(Outcome.FAILED, "internal")
            self.log_exception(type(error), error, error.__traceback__)
        finally:
            self._work = None  # its error knows this frame, and so all that was under way, until the next gc

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._work is not None:
            self._work.cancel()

    def _fail(self, error: ArchiverError) -> None:
        """Cut because of that, and say so once."""
        if self.record.outcome is Outcome.ANSWERED:
            log.error("%s: cut after %d bytes: %s", access_log.summary(self.request), self.record.sent, error)
        self.cut(Outcome.FAILED, error.reason)

    def cut(self, outcome: Outcome, reason: str = "") -> None:
        """Close the connection, so that what was sent cannot pass for a whole archive.

        Left alone, Tornado would end a chunked body properly. A body without length and chunks (HTTP/1.0,
        nginx's default towards us) ends with the connection, and only a reset tells that this is no end.
        """
        if self.record.outcome is Outcome.ANSWERED:
            self.record.outcome, self.record.reason = outcome, reason
        if outcome is Outcome.STOPPED and self.record.promised is not None:
            # what was promised tells as well, and Chromium asks by itself for the rest, but not after a reset
            stream_of(self).close()
        else:
            reset(stream_of(self))

    async def _answer(self) -> None:
        name = self._source_hash()
        check_link(self._service.link_keys, name, self.request, time.time())
        backend = self._backend()
        details = self._details(name)
        async with self._service.admission.place(client_group(self.record.client), details) as row:
            manifest = await self._service.storage.manifest(name)
            archive = await backend.open(manifest)
            parts = self._set_head(archive, backend, name)
            if parts and self.record.promised is None:
                await self._refuse_old_protocol(manifest)
            if self.request.method == "HEAD" or not parts:
                await self.flush()  # as it stands: finish() would add a Content-Length of 0
                return
            self._begin(row, details)
            await self._send(archive, parts, row)
        self.record.outcome = Outcome.COMPLETE
        self._end_body()

    def _source_hash(self) -> str:
        name = source_hash(self.request.path.removeprefix(PREFIX))
        if name is None:
            raise RefusedError(pages.NOT_FOUND, reason=SourceNotFoundError.reason)
        return name

    def _backend(self) -> Backend:
        backend = self._service.backend(self.get_query_argument("format", None))
        if backend is None:
            raise RefusedError(pages.unknown_format([offered.name for offered in self._service.backends]))
        self.record.backend = backend.name
        return backend

    def _set_head(self, archive: Archive, backend: Backend, name: str) -> Parts:
        """Status and headers; returns what the body consists of. Raises RefusedError."""
        answer = answer_to(self.request.method or "", self.request.headers, archive.info, backend.media_type)
        if answer.status in REFUSALS:
            raise RefusedError(REFUSALS[answer.status], headers=answer.headers)
        self.set_status(answer.status)
        # Tornado's is older than the walk, and Last-Modified may not be later (RFC 9110 8.8.2.1)
        self.set_header("Date", http_date(int(time.time())))
        self.clear_header("Content-Type")
        for header, value in answer.headers.items():
            self.set_header(header, value)
        self.set_header("Content-Disposition", attachment(self._service.file_name(name, backend)))
        self.set_header("X-Accel-Buffering", "no")  # nginx would else spool up to 1 GiB of it to its disk
        self.record.promised = answer.length
        self.record.is_range = answer.status == 206
        return answer.parts

    async def _refuse_old_protocol(self, manifest: Manifest) -> None:
        """Raise RefusedError if the client could not see an abort of a body of unknown length."""
        if not shows_aborts(self.request.headers.get("Via", "")):
            names = [
                backend.name
                for backend in self._service.backends
                if (await backend.open(manifest)).info.length is not None
            ]
            raise RefusedError(pages.old_protocol(names), reason=OLD_PROTOCOL)

    def _details(self, name: str) -> dict[str, str]:
        """What the admin may know of this download; the hash would open it to him as well."""
        return {
            "id": self.record.request_id,
            "client": self.record.client,
            "archive": access_log.shortened(name),
        }

    def _begin(self, row: int, details: dict[str, str]) -> None:
        """The head is about to go out: from here on it counts as a download."""
        wanted = self.request.headers.get("Range", "")[:_RANGE_CHARACTERS] if self.record.is_range else ""
        more = {"backend": self.record.backend, "range": wanted}
        self._service.admission.ledger.describe(row, self.record.promised, details | more)
        self.metrics.started(self.record)

    async def _send(self, archive: Archive, parts: Parts, row: int) -> None:
        if self._ends_with_connection:
            self.request.headers.pop("Connection", None)  # else Tornado promises to keep it open
        await self.flush()
        body = BodyWriter(self, archive, ChunkSize(self._service.pacing.max_chunk_bytes))
        with self._watch.over(Download(self.record, stream_of(self), row, self.cut)):
            for part in parts:
                if isinstance(part, bytes):
                    await body.write(part)
                else:
                    await self._send_part(archive, part, body)
            body.end()
            await self._arrived()

    async def _arrived(self) -> None:
        """A connection that closes behind the archive is held until the other side has acknowledged all of
        it: a container that stops takes its network along, and what the kernel has still to send."""
        closes = (
            self.request.version != _WITH_CHUNKS
            or "close" in self.request.headers.get("Connection", "").lower()
        )
        stream = stream_of(self)
        # the kernel tells nobody when that is
        while closes and isinstance(stream, SendfileStream) and stream.unsent():  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    async def _send_part(self, archive: Archive, wanted: ByteRange | None, body: BodyWriter) -> None:
        start = wanted.start if wanted else 0
        stop = wanted.stop if wanted else archive.info.length
        written = body.written
        while not await self._send_chunks(archive, wanted, body):
            heap.trim_soon()
            await body.client_reads()
            assert stop is not None  # noqa: S101 - only a body of known length waits for a client
            wanted = ByteRange(start + body.written - written, stop)

    async def _send_chunks(self, archive: Archive, wanted: ByteRange | None, body: BodyWriter) -> bool:
        """Whether all was sent; else the client is too slow for the memory that waits for it."""
        handed_out = chunks_of(archive, wanted)
        async with aclosing(self._service.pacing.paced(handed_out, self._fail)) as chunks:
            return await body.write_all(chunks)

    @property
    def _ends_with_connection(self) -> bool:
        """A body of unknown length that Tornado does not send in chunks ends so: for a client of HTTP/1.0, or
        of a version nobody has seen yet. Tornado would keep the connection open for one that asks to, which
        would wait for more."""
        return self.request.version != _WITH_CHUNKS and self.record.promised is None

    def _end_body(self) -> None:
        if self._ends_with_connection:
            stream_of(self).close()

    def on_finish(self) -> None:
        self.metrics.ended(self.record, self.request.request_time())
