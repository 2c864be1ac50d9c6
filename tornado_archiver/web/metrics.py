"""What is counted of the downloads, by all workers into one `Tally`: what one has counted stays when it dies.
`exposition` shows it to Prometheus; docs/monitoring.md explains it."""

import time
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from tornado_archiver import crc_cache, errors
from tornado_archiver.crc_cache import Totals
from tornado_archiver.ledger import Row
from tornado_archiver.roll import Roll
from tornado_archiver.tally import Key, Tally
from tornado_archiver.web.record import Outcome, Record

WORKER_DIED = "worker died"
OLD_PROTOCOL = "old protocol"
OTHER = "other"
SUM = "sum"  # stands where a histogram has the bound of a bucket

# All that may stand in a label: a word of a plugin's own could be another one each time
REASONS = {"", "internal", "bad request", WORKER_DIED, OLD_PROTOCOL, OTHER} | {
    error.reason
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.ArchiverError)
}
_OF_FAILURES = (
    errors.SourceChangedError.reason,
    errors.SourceUnreadableError.reason,
    errors.BackendError.reason,
    "internal",
    WORKER_DIED,
)


@dataclass(frozen=True, slots=True)
class Family:
    """What Prometheus calls a metric family. `labels` have their values out of short lists: a backend, an
    outcome, a reason; never a hash, an address or a file name. With `buckets` it is a histogram."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def key(self, *values: str) -> Key:
        return (self.name, *values)

    def observed(self, seconds: float, *values: str) -> dict[Key, float]:
        """What to count for one observation: its bucket, without those above it, and the sum."""
        bounds = (*self.buckets, float("inf"))
        bucket = str(bounds[bisect_left(bounds, seconds)])
        return {self.key(*values, bucket): 1, self.key(*values, SUM): seconds}


STARTED = Family("archiver_downloads_started_total", "Archives of which the head went out.", ("backend",))
ENDED = Family(
    "archiver_downloads_ended_total",
    "Archives that were started and have ended, by how and why.",
    ("backend", "outcome", "reason"),
)
REFUSED = Family(
    "archiver_requests_refused_total", "Requests for an archive that got an error page.", ("reason",)
)
SENT = Family("archiver_sent_bytes_total", "Bytes of archives that visitors took.", ("backend",))
RANGES = Family(
    "archiver_ranges_total", "Started archives of which a part was asked for: resumed ones.", ("backend",)
)
HITS = Family(
    "archiver_crc_cache_hits_total", "Large files that were not read for their CRC-32: it was known."
)
MISSES = Family("archiver_crc_cache_misses_total", "Large files whose CRC-32 was looked for and not known.")
DURATION = Family(
    "archiver_download_duration_seconds",
    "From the request to the end of the download, however it ended.",
    ("backend",),
    (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600),
)
FIRST_BYTE = Family(
    "archiver_first_byte_seconds",
    "From the request to the first byte of the answer, a wait for its turn included.",
    ("backend",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)

FAMILIES = (STARTED, ENDED, REFUSED, SENT, RANGES, HITS, MISSES, DURATION, FIRST_BYTE)


class Metrics:
    """Made once, before the workers are forked. For one thread of each process.

    A worker calls for each request for an archive: `started` when the head of one is about to go out,
    `first_byte` when its body begins, `sent` once a second and at the end, and `ended` in any case. What was
    never started counts as refused or not at all, so what has not ended of what was started is running.
    """

    def __init__(self, backends: Iterable[str] = ()) -> None:
        self.started_at = time.time()
        self.tally = Tally()
        self.roll = Roll()
        self._open: set[int] = set()  # the records between `started` and `ended`
        self._told = Totals()
        self.expect(backends)

    def expect(self, backends: Iterable[str]) -> None:
        """These backends may be asked for: their counts start at 0. For Prometheus, one that is 1 when it is
        first seen never rose."""
        self.tally.add(dict.fromkeys(_first_keys(backends), 0))

    def worker_started(self) -> None:
        """Called by each worker, once."""
        self.roll.enter()

    def started(self, record: Record) -> None:
        """An archive is about to be sent, the whole or a part."""
        self._open.add(id(record))
        amounts: dict[Key, float] = {STARTED.key(record.backend): 1}
        if record.is_range:
            amounts[RANGES.key(record.backend)] = 1
        self.tally.add(amounts)

    def first_byte(self, record: Record) -> None:
        """`record.first_byte_s` is known now."""
        if record.first_byte_s is not None:
            self.tally.add(FIRST_BYTE.observed(record.first_byte_s, record.backend))

    def sent(self, record: Record, count: int) -> None:
        """So many more bytes of the archive were taken since the last time."""
        self.tally.add({SENT.key(record.backend): count, **self._cache()})

    def ended(self, record: Record, seconds: float) -> None:
        """The request is over, `seconds` after it came; `record.outcome` and `record.reason` are final."""
        if id(record) in self._open:
            self._open.discard(id(record))
            key = ENDED.key(record.backend, record.outcome, _known(record.reason))
            self.tally.add({key: 1, **DURATION.observed(seconds, record.backend), **self._cache()})
        elif record.outcome == Outcome.REFUSED:
            self.tally.add({REFUSED.key(_known(record.reason)): 1})

    def worker_died(self, pid: int, rows: Iterable[Row]) -> None:
        """Called by who forked it, before the ledger forgets it: what it was sending has ended, too. `rows`
        are the ledger's; nothing happens when the process was no worker."""
        self.roll.strike_out(pid)
        for row in rows:
            if row.pid == pid and row.is_running and "backend" in row.details:
                self.tally.add({ENDED.key(row.details["backend"], Outcome.FAILED, WORKER_DIED): 1})

    def _cache(self) -> dict[Key, float]:
        """What this worker's CRC caches did since the last time. They work during downloads only."""
        now, told = crc_cache.totals(), self._told
        self._told = now
        self.roll.note(now.entries)
        return {HITS.key(): now.hits - told.hits, MISSES.key(): now.misses - told.misses}


def _known(reason: str) -> str:
    return reason if reason in REASONS else OTHER


def _first_keys(backends: Iterable[str]) -> Iterable[Key]:
    yield HITS.key()
    yield MISSES.key()
    for reason in sorted(REASONS - {"", WORKER_DIED}):
        yield REFUSED.key(reason)
    for backend in backends:
        for family in (STARTED, SENT, RANGES):
            yield family.key(backend)
        for family in (DURATION, FIRST_BYTE):
            yield family.key(backend, SUM)
        for outcome in (Outcome.COMPLETE, Outcome.LEFT, Outcome.STALLED, Outcome.STOPPED):
            yield ENDED.key(backend, outcome, "")
        for reason in _OF_FAILURES:
            yield ENDED.key(backend, Outcome.FAILED, reason)
