"""Aborts downloads whose client reads nothing, and reports the progress of all."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tornado.iostream import IOStream

from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.telemetry.transfer import Outcome, Transfer
from tornado_archiver.web.net.sendfile import SendfileStream

CHECK_INTERVAL_S = 1


@dataclass(slots=True, eq=False)
class TrackedDownload:
    """A download whose headers were sent. `slot`: its index in the scoreboard. `abort` ends it."""

    transfer: Transfer
    stream: IOStream
    slot: int
    abort: Callable[[Outcome], None]
    acked: int = -1
    last_progress_at: float = field(default_factory=time.monotonic)

    def is_stalled(self, now: float, timeout_s: float) -> bool:
        """Return whether the client has acknowledged nothing for so long, though there was something to read.

        Acknowledged bytes count, because the kernel alone takes megabytes of a download whose client is gone,
        and none for minutes of one that is merely slow.
        """
        unacked, acked = 1, self.transfer.bytes_sent
        if isinstance(self.stream, SendfileStream):
            unacked = self.stream.unacked_bytes()
            acked = self.stream.written - unacked
        if not unacked or acked != self.acked:
            self.acked, self.last_progress_at = acked, now
        return now - self.last_progress_at > timeout_s > 0


class StallMonitor:
    """`stall_timeout_s`: seconds without progress until a download is aborted, 0 for no limit. `on_sent` is
    called with a transfer and the number of bytes that were sent since the last call."""

    def __init__(
        self, scoreboard: Scoreboard, stall_timeout_s: float, on_sent: Callable[[Transfer, int], None]
    ) -> None:
        self._downloads: set[TrackedDownload] = set()
        self._scoreboard = scoreboard
        self._stall_timeout_s = stall_timeout_s
        self._on_sent = on_sent

    @contextmanager
    def track(self, download: TrackedDownload) -> Iterator[None]:
        """Check and report the download while the block runs."""
        self._downloads.add(download)
        try:
            yield
        finally:
            self._downloads.discard(download)
            self._report(download)

    def check(self) -> None:
        """Report and check each download. Call it every CHECK_INTERVAL_S seconds."""
        now = time.monotonic()
        for download in list(self._downloads):
            self._report(download)
            if download.is_stalled(now, self._stall_timeout_s):
                download.abort(Outcome.SEND_TIMEOUT)

    def stop(self) -> None:
        """Abort every download, except one whose client has closed: it ends as complete or client_closed."""
        for download in list(self._downloads):
            if not download.stream.closed():
                download.abort(Outcome.SHUTDOWN)

    def _report(self, download: TrackedDownload) -> None:
        transfer = download.transfer
        self._on_sent(transfer, self._scoreboard.set_bytes_sent(download.slot, transfer.bytes_sent))
