"""The handler of `/archive/<hash>/`, which sends a directory as an archive.

Steps: link, manifest, slot, response headers, chunks of the body. The slot comes after the manifest, so that
a wrong link and a HEAD are answered at once while all slots are taken.
"""

import asyncio
from contextlib import aclosing
from typing import cast

from tornado_archiver.backend import Archive, ByteRange
from tornado_archiver.http.disposition import content_disposition
from tornado_archiver.http.forwarded import client_key
from tornado_archiver.http.response import Response
from tornado_archiver.runtime import heap
from tornado_archiver.telemetry.transfer import Outcome
from tornado_archiver.web.archive.body_writer import BodyWriter, chunks_of, stream_of
from tornado_archiver.web.archive.link_handler import LinkHandler, PreparedArchive
from tornado_archiver.web.net.chunk_size import ChunkSize
from tornado_archiver.web.net.sendfile import SendfileStream
from tornado_archiver.web.net.stall_monitor import StallMonitor, TrackedDownload

_HTTP_1_1 = "HTTP/1.1"
_ACK_POLL_S = 0.02
_MAX_RANGE_CHARACTERS = 100  # of a Range header on the status page


class ArchiveHandler(LinkHandler):
    """Handler of `/archive/<hash>/`."""

    @property
    def _stall_monitor(self) -> StallMonitor:
        return cast(StallMonitor, self.settings["stall_monitor"])

    async def respond(self) -> None:
        link = self.link()
        backend = self.backend(link)
        prepared = await self.prepare_archive(link, backend)
        if not self._has_body(prepared.response):
            await self._send_headers(prepared)
            return
        labels = self._slot_labels()
        with self.services.admission.slot(client_key(self.transfer.client), labels) as slot:
            if not slot.is_running:
                del prepared  # because it holds the names of all files
                await slot.wait()
                # again, because files may have changed meanwhile
                prepared = await self.prepare_archive(link, backend)
                if not self._has_body(prepared.response):
                    await self._send_headers(prepared)
                    return
            await self._send(prepared, slot.index, labels)
        self.transfer.outcome = Outcome.COMPLETE
        if self._is_close_delimited:
            stream_of(self).close()

    def _has_body(self, response: Response) -> bool:
        return self.request.method != "HEAD" and bool(response.parts)

    async def _send_headers(self, prepared: PreparedArchive) -> None:
        self.set_headers(prepared.response)
        self.set_header("Content-Disposition", content_disposition(prepared.file_name))
        self.set_header("X-Accel-Buffering", "no")  # because nginx would write up to 1 GiB of it to disk
        await self.flush()  # because finish() would add a Content-Length of 0

    def _slot_labels(self) -> dict[str, str]:
        """Return the labels for the status page."""
        return {
            "id": self.transfer.request_id,
            "client": self.transfer.client,
            "archive": self.transfer.archive,
        }

    def _download_started(self, slot: int, labels: dict[str, str]) -> None:
        """Count the request as a download, just before its headers are sent."""
        header = self.request.headers.get("Range", "") if self.transfer.is_range else ""
        more = {"backend": self.transfer.backend, "range": header[:_MAX_RANGE_CHARACTERS]}
        self.services.admission.scoreboard.set_labels(slot, labels | more, self.transfer.content_length)
        self.metrics.started(self.transfer)

    async def _send(self, prepared: PreparedArchive, slot: int, labels: dict[str, str]) -> None:
        archive = prepared.archive
        self.transfer.content_length = prepared.response.length
        self.transfer.is_range = prepared.response.status == 206
        self._download_started(slot, labels)
        if self._is_close_delimited:
            self.request.headers.pop("Connection", None)  # so that Tornado does not send keep-alive
        await self._send_headers(prepared)
        body = BodyWriter(self, archive, ChunkSize(self.services.rate_limiter.max_chunk_bytes))
        with self._stall_monitor.track(TrackedDownload(self.transfer, stream_of(self), slot, self.abort)):
            for part in prepared.response.parts:
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
        throttled = self.services.rate_limiter.throttle(unthrottled, self.abort_with_error)
        async with aclosing(throttled) as chunks:
            return await body.write_all(chunks)

    @property
    def _is_close_delimited(self) -> bool:
        """Whether the end of the body is the end of the connection (RFC 9112 6.3).

        So it is for a body of unknown length that Tornado does not send chunked, because the version is not
        HTTP/1.1. Tornado would keep the connection open on request, and the client would wait for more.
        """
        return self.request.version != _HTTP_1_1 and self.transfer.content_length is None
