"""The state of the service for the status page: each download with its progress, rate and estimated end."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tornado_archiver import __version__
from tornado_archiver.limits.scoreboard import Scoreboard, Slot
from tornado_archiver.telemetry.failures import Failure
from tornado_archiver.telemetry.metrics import Metrics, Totals

# Window of a rate, in seconds; bytes are reported once a second
_MAX_WINDOW_S = 10
_MIN_WINDOW_S = 5
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class DownloadStatus:
    """A download with its rate. `eta_s`: seconds until its end at this rate, None while unknown."""

    slot: Slot
    seconds: float
    bytes_per_s: float
    eta_s: float | None


@dataclass(frozen=True, slots=True)
class Downloads:
    """Running and queued downloads, the oldest first, and their sums."""

    downloads: Sequence[DownloadStatus]

    @property
    def running(self) -> int:
        return sum(download.slot.is_running for download in self.downloads)

    @property
    def queued(self) -> int:
        return len(self.downloads) - self.running

    @property
    def bytes_per_s(self) -> float:
        return sum(download.bytes_per_s for download in self.downloads)


@dataclass(frozen=True, slots=True)
class Status(Downloads):
    """The state of the service. `totals`: since the start. `failures`: the last ones, the newest first."""

    uptime_s: float
    workers: int
    is_draining: bool
    max_downloads: int
    max_downloads_per_client: int
    totals: Totals
    failures: Sequence[Failure]


class StatusReporter:
    """Reads the shared memory of all workers. Keep one per process, because a rate takes two readings."""

    def __init__(self, metrics: Metrics, scoreboard: Scoreboard) -> None:
        self._metrics = metrics
        self._scoreboard = scoreboard
        self._rates = RateEstimator()

    def status(self) -> Status:
        slots, now = self._scoreboard.slots(), time.monotonic()
        rates = self._rates.update(slots, now)
        return Status(
            uptime_s=time.time() - self._metrics.started_at,
            workers=len(self._scoreboard.workers.gauges()),
            is_draining=self._scoreboard.draining,
            max_downloads=self._scoreboard.limits.total,
            max_downloads_per_client=self._scoreboard.limits.per_client,
            downloads=[_download(slot, rate, now) for slot, rate in zip(slots, rates, strict=True)],
            totals=self._metrics.totals(),
            failures=self._metrics.failures.last(),
        )


class RateEstimator:
    """Estimates rates from the bytes sent at each reading. The first is the mean since the start."""

    def __init__(self) -> None:
        # a slot is reused, but never with the same start time
        self._readings: dict[tuple[int, float], deque[tuple[float, int]]] = {}

    def update(self, slots: Sequence[Slot], now: float) -> list[float]:
        """Return the bytes per second of each slot at the time `now`."""
        known = self._readings
        self._readings = {}
        return [self._rate(slot, known.get((slot.index, slot.started_at), deque()), now) for slot in slots]

    def _rate(self, slot: Slot, readings: deque[tuple[float, int]], now: float) -> float:
        while readings and readings[0][0] < now - _MAX_WINDOW_S:
            readings.popleft()
        is_old = readings and readings[0][0] <= now - _MIN_WINDOW_S
        then, sent = readings[0] if is_old else (slot.started_at, 0)
        readings.append((now, slot.bytes_sent))
        self._readings[slot.index, slot.started_at] = readings
        return (slot.bytes_sent - sent) / (now - then) if now > then else 0


def _download(slot: Slot, bytes_per_s: float, now: float) -> DownloadStatus:
    eta_s = None
    if slot.content_length is not None and bytes_per_s:
        eta_s = (slot.content_length - slot.bytes_sent) / bytes_per_s
    return DownloadStatus(slot, now - slot.started_at, bytes_per_s, eta_s)


def as_json(status: Status) -> dict[str, object]:
    """Return the object of `/status.json`."""
    return {
        "version": __version__,
        "uptime_s": round(status.uptime_s, 1),
        "workers": status.workers,
        "draining": status.is_draining,
        "running": status.running,
        "queued": status.queued,
        "max_downloads": status.max_downloads,
        "max_downloads_per_client": status.max_downloads_per_client,
        "bytes_per_s": round(status.bytes_per_s),
        "downloads": [_download_as_json(download) for download in status.downloads],
        "totals": {
            "bytes_sent": status.totals.bytes_sent,
            "ended": status.totals.ended,
            "failed": status.totals.failed,
            "refused": status.totals.refused,
        },
        "failures": [_failure_as_json(failure) for failure in status.failures],
    }


def _download_as_json(download: DownloadStatus) -> dict[str, object]:
    slot = download.slot
    return {
        **slot.labels,
        "running": slot.is_running,
        "bytes_sent": slot.bytes_sent,
        "content_length": slot.content_length,
        "seconds": round(download.seconds, 1),
        "bytes_per_s": round(download.bytes_per_s),
        "eta_s": None if download.eta_s is None else round(download.eta_s, 1),
    }


def _failure_as_json(failure: Failure) -> dict[str, object]:
    return {
        "time": f"{datetime.fromtimestamp(failure.time, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "id": failure.request_id,
        "archive": failure.archive,
        "backend": failure.backend,
        "reason": failure.reason,
        "status": failure.status or None,
        "bytes_sent": failure.bytes_sent,
        "content_length": failure.content_length,
    }


def format_bytes(count: float) -> str:
    """Return a size in decimal units, such as "1.5 MB"."""
    power, count = 0, round(count)
    while count >= 999.95 and power < len(_UNITS) - 1:  # because it would be shown as 1000.0
        count /= 1000
        power += 1
    return f"{count:.{1 if power else 0}f} {_UNITS[power]}"


def format_duration(seconds: float) -> str:
    """Return a duration, such as "42 s", "3 min 5 s", "2 h 10 min" or "4 d 3 h"."""
    whole = round(seconds)
    for unit, smaller, size, divisor in (
        ("d", "h", 86400, 3600),
        ("h", "min", 3600, 60),
        ("min", "s", 60, 1),
    ):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // divisor} {smaller}"
    return f"{whole} s"


def format_time(seconds: float) -> str:
    """Return a Unix time as the log has it, in the time zone of the service, with the zone."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S %Z}"
