"""The metrics of downloads and the last failures, shared by all workers; docs/monitoring.md has them."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tornado_archiver import errors
from tornado_archiver.limits.scoreboard import Slot
from tornado_archiver.limits.workers import WorkerTable
from tornado_archiver.seekable import crc_cache
from tornado_archiver.seekable.crc_cache import CacheInfo
from tornado_archiver.telemetry.counters import SharedCounters
from tornado_archiver.telemetry.failures import Failure, FailureLog
from tornado_archiver.telemetry.transfer import Outcome, Transfer

WORKER_DIED = "worker died"
OLD_PROTOCOL = "old protocol"
OTHER = "other"

# All values of the label; any other reason becomes OTHER, because a plugin could have unlimited ones
REASONS = {"", "internal", "bad request", WORKER_DIED, OLD_PROTOCOL, OTHER} | {
    error.reason
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.ArchiverError)
}
_FAILURE_REASONS = (
    errors.SourceChangedError.reason,
    errors.SourceUnreadableError.reason,
    errors.BackendError.reason,
    "internal",
    WORKER_DIED,
)
# 503s that are not a fault of the service
_EXPECTED_REASONS = (errors.TooManyDownloadsError.reason, errors.UploadInProgressError.reason)
_NO_FAILURES = (Outcome.COMPLETE, Outcome.CLIENT_CLOSED, Outcome.SEND_TIMEOUT, Outcome.SHUTDOWN)


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the start of the service.

    `ended`: downloads by outcome. `failed`: those of them that failed, by reason. `refused`: requests that
    got an error page, by reason.
    """

    bytes_sent: int
    ended: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class Metrics:
    """Created once, before the workers are forked. For one thread of each process.

    A worker calls for each request for an archive: `started` before its headers go out, `first_byte` when its
    body begins, `sent` once a second and at the end, and `ended` in any case. A request that was not started
    counts as refused or not at all, so that started minus ended is the number of running downloads.
    """

    def __init__(self, workers: WorkerTable, backends: Iterable[str] = ()) -> None:
        self.started_at = time.time()
        self.counters = SharedCounters()
        self.failures = FailureLog()
        self._workers = workers
        self._in_progress: set[int] = set()  # the transfers between `started` and `ended`
        self._last_reported = CacheInfo()
        family = self.counters.family
        self._downloads_started = family(
            "archiver_downloads_started_total", "Archives of which the headers went out.", "backend"
        )
        self._downloads_ended = family(
            "archiver_downloads_ended_total",
            "Archives that were started and have ended, by how and why.",
            *("backend", "outcome", "reason"),
        )
        self._requests_refused = family(
            "archiver_requests_refused_total", "Requests for an archive that got an error page.", "reason"
        )
        self._sent_bytes = family("archiver_sent_bytes_total", "Bytes of archives that were sent.", "backend")
        self._range_requests = family(
            "archiver_range_requests_total", "Started archives of which a part was asked for.", "backend"
        )
        self._crc_cache_hits = family(
            "archiver_crc_cache_hits_total", "Large files that were not read for their CRC-32: it was known."
        )
        self._crc_cache_misses = family(
            "archiver_crc_cache_misses_total", "Large files whose CRC-32 was looked up and not known."
        )
        self._download_duration = family(
            "archiver_download_duration_seconds",
            "From the request to the end of the download, however it ended.",
            "backend",
            buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600),
        )
        self._time_to_first_byte = family(
            "archiver_time_to_first_byte_seconds",
            "From the request to the first byte of the body, the time in the queue included.",
            "backend",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        self._crc_cache_hits.preregister()
        self._crc_cache_misses.preregister()
        for reason in sorted(REASONS - {"", WORKER_DIED}):
            self._requests_refused.labels(reason).preregister()
        self.preregister(backends)

    def preregister(self, backends: Iterable[str]) -> None:
        """Start the metrics of these backends at 0."""
        for backend in backends:
            for family in self.counters.families:
                if family.label_names == ("backend",):
                    family.labels(backend).preregister()
            for outcome in _NO_FAILURES:
                self._downloads_ended.labels(backend, outcome, "").preregister()
            for reason in _FAILURE_REASONS:
                self._downloads_ended.labels(backend, Outcome.FAILED, reason).preregister()

    def started(self, transfer: Transfer) -> None:
        """Count a download, complete or a range, before its headers are sent."""
        self._in_progress.add(id(transfer))
        self._downloads_started.labels(transfer.backend).inc()
        if transfer.is_range:
            self._range_requests.labels(transfer.backend).inc()

    def first_byte(self, transfer: Transfer) -> None:
        """Observe `transfer.time_to_first_byte_s`."""
        if transfer.time_to_first_byte_s is not None:
            self._time_to_first_byte.labels(transfer.backend).observe(transfer.time_to_first_byte_s)

    def sent(self, transfer: Transfer, count: int) -> None:
        """Count the bytes of the archive that were sent since the last call."""
        self._sent_bytes.labels(transfer.backend).inc(count)
        self._report_crc_cache()

    def ended(self, transfer: Transfer, seconds: float) -> None:
        """Count the end of a request after `seconds`; the outcome and reason of the transfer are final.

        Record it if it is a failure of the service.
        """
        if id(transfer) in self._in_progress:
            self._in_progress.discard(id(transfer))
            self._report_crc_cache()
            self._download_duration.labels(transfer.backend).observe(seconds)
            reason = _label_value(transfer.reason)
            self._downloads_ended.labels(transfer.backend, transfer.outcome, reason).inc()
        elif transfer.outcome == Outcome.REJECTED:
            self._requests_refused.labels(_label_value(transfer.reason)).inc()
        if _is_failure(transfer):
            self.failures.add(_failure(transfer))

    def worker_exited(self, slots: Iterable[Slot]) -> None:
        """Count and record the running downloads of an exited worker as failed; `slots` are those it held."""
        for slot in slots:
            if slot.is_running and "backend" in slot.labels:
                self._downloads_ended.labels(slot.labels["backend"], Outcome.FAILED, WORKER_DIED).inc()
                self.failures.add(_failure_of_slot(slot))

    def totals(self) -> "Totals":
        """Return the counts of all processes since the start of the service."""
        values = self.counters.values()
        totals = Totals(bytes_sent=round(sum(self._sent_bytes.samples(values).values())))
        for (_, outcome, reason), count in self._downloads_ended.samples(values).items():
            totals.ended[outcome] += round(count)
            if outcome == Outcome.FAILED:
                totals.failed[reason] += round(count)
        for (reason,), count in self._requests_refused.samples(values).items():
            totals.refused[reason] += round(count)
        return totals

    def _report_crc_cache(self) -> None:
        """Add the hits and misses of this worker's CRC caches since the last call."""
        now, last = crc_cache.cache_info(), self._last_reported
        if now == last:
            return
        self._last_reported = now
        self._workers.set_gauge(now.entries)
        self._crc_cache_hits.inc(now.hits - last.hits)
        self._crc_cache_misses.inc(now.misses - last.misses)


def _label_value(reason: str) -> str:
    return reason if reason in REASONS else OTHER


def _is_failure(transfer: Transfer) -> bool:
    is_unexpected_page = transfer.error_status >= 500 and transfer.reason not in _EXPECTED_REASONS
    return transfer.outcome == Outcome.FAILED or is_unexpected_page


def _failure(transfer: Transfer) -> Failure:
    """Return the failure of a request. The bytes of an error page are none of the archive."""
    is_page = transfer.error_status > 0
    return Failure(
        time=time.time(),
        request_id=transfer.request_id,
        archive=transfer.archive,
        backend=transfer.backend,
        reason=_label_value(transfer.reason),
        bytes_sent=0 if is_page else transfer.bytes_sent,
        content_length=None if is_page else transfer.content_length,
        status=transfer.error_status,
    )


def _failure_of_slot(slot: Slot) -> Failure:
    return Failure(
        time=time.time(),
        request_id=slot.labels["id"],
        archive=slot.labels["archive"],
        backend=slot.labels["backend"],
        reason=WORKER_DIED,
        bytes_sent=slot.bytes_sent,
        content_length=slot.content_length,
    )
