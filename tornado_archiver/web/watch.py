"""Looks after the downloads that run: how far they are, and whether their visitors still take anything."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tornado.iostream import IOStream

from tornado_archiver.ledger import Ledger
from tornado_archiver.web.net.sendfile import SendfileStream
from tornado_archiver.web.record import Outcome, Record

EVERY_S = 1


@dataclass(slots=True, eq=False)
class Download:
    """One that runs, made when its head is out. `row` is its place in the ledger, `cut` ends it with that
    outcome."""

    record: Record
    stream: IOStream
    row: int
    cut: Callable[[Outcome], None]
    counted: int = 0  # bytes that the metrics know of
    taken: int = -1
    moved_at: float = field(default_factory=time.monotonic)
    head_end: int = field(init=False)

    def __post_init__(self) -> None:
        self.head_end = getattr(self.stream, "written", 0)

    def take_stock(self) -> int:
        """The bytes of the body that went out since it was asked last. A chunk may be megabytes long, and
        minutes on its way; a chunked body has more on its way than itself, so there whole chunks count."""
        if isinstance(self.stream, SendfileStream) and self.record.promised is not None:
            self.record.sent = self.stream.written - self.head_end
        new = self.record.sent - self.counted
        self.counted = self.record.sent
        return new

    def is_stalled(self, now: float, timeout_s: float) -> bool:
        """Whether the visitor has taken nothing for so long, though there was something to take.

        What counts is what his side has acknowledged: the kernel alone would take megabytes of a download
        that is dead already, and nothing for minutes of one that is merely slow.
        """
        unsent = self.stream.unacked_bytes() if isinstance(self.stream, SendfileStream) else 1
        taken = self.stream.written - unsent if isinstance(self.stream, SendfileStream) else self.record.sent
        if not unsent or taken != self.taken:
            self.taken, self.moved_at = taken, now
        return now - self.moved_at > timeout_s > 0


class Watch:
    """`stall_timeout_s`: seconds without a byte until a download is cut, 0 for never. `count` is told the
    bytes that went out since, with the backend whose they are."""

    def __init__(self, ledger: Ledger, stall_timeout_s: float, count: Callable[[Record, int], None]) -> None:
        self.downloads: set[Download] = set()
        self._ledger = ledger
        self._stall_timeout_s = stall_timeout_s
        self._count = count

    @contextmanager
    def over(self, download: Download) -> Iterator[None]:
        """While the block runs, the download is looked after."""
        self.downloads.add(download)
        try:
            yield
        finally:
            self.downloads.discard(download)
            self._note(download)

    def look(self) -> None:
        """At each of them: call it every EVERY_S seconds."""
        now = time.monotonic()
        for download in list(self.downloads):
            self._note(download)
            if download.is_stalled(now, self._stall_timeout_s):
                download.cut(Outcome.STALLED)

    def stop(self) -> None:
        """Cut every one."""
        for download in list(self.downloads):
            download.cut(Outcome.STOPPED)

    def _note(self, download: Download) -> None:
        new = download.take_stock()
        self._ledger.count_sent(download.row, download.record.sent)
        self._count(download.record, new)
