"""How the service does right now, for the admin: every download with how far and how fast it is."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tornado_archiver import __version__
from tornado_archiver.ledger import Ledger, Row
from tornado_archiver.web.metrics import Metrics

# A speed is that of the last seconds, of those in which somebody looked; bytes are counted once a second
_LONGEST_S = 10
_SHORTEST_S = 5
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class Running:
    """A download. `left_s`: seconds until its end at this speed, None when that cannot be told."""

    row: Row
    seconds: float
    bytes_per_s: float
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """`downloads` are those that run and wait, the longest there first."""

    uptime_s: float
    workers: int
    is_draining: bool
    max_downloads: int
    max_downloads_per_client: int
    downloads: Sequence[Running]

    @property
    def running(self) -> int:
        return sum(download.row.is_running for download in self.downloads)

    @property
    def waiting(self) -> int:
        return len(self.downloads) - self.running

    @property
    def bytes_per_s(self) -> float:
        return sum(download.bytes_per_s for download in self.downloads)


class Observer:
    """Looks at what all workers share. It lives as long as its process, since a speed takes two looks."""

    def __init__(self, metrics: Metrics, ledger: Ledger) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._speeds = Speeds()

    def status(self) -> Status:
        rows, now = self._ledger.rows(), time.monotonic()
        speeds = self._speeds.look(rows, now)
        return Status(
            uptime_s=time.time() - self._metrics.started_at,
            workers=len(self._metrics.roll.notes()),
            is_draining=self._ledger.draining,
            max_downloads=self._ledger.limits.total,
            max_downloads_per_client=self._ledger.limits.per_client,
            downloads=[_running(row, speed, now) for row, speed in zip(rows, speeds, strict=True)],
        )


class Speeds:
    """Speeds out of what was sent at each look. At first it is that since the download's beginning."""

    def __init__(self) -> None:
        # a row's number is used again, never with the same beginning
        self._looks: dict[tuple[int, float], deque[tuple[float, int]]] = {}

    def look(self, rows: Sequence[Row], now: float) -> list[float]:
        """Bytes per second of each row at the time `now`."""
        known = self._looks
        self._looks = {}
        return [self._speed(row, known.get((row.number, row.began), deque()), now) for row in rows]

    def _speed(self, row: Row, looks: deque[tuple[float, int]], now: float) -> float:
        while looks and looks[0][0] < now - _LONGEST_S:
            looks.popleft()
        then, sent = looks[0] if looks and looks[0][0] <= now - _SHORTEST_S else (row.began, 0)
        looks.append((now, row.sent))
        self._looks[row.number, row.began] = looks
        return (row.sent - sent) / (now - then) if now > then else 0


def _running(row: Row, bytes_per_s: float, now: float) -> Running:
    left_s = None
    if row.promised is not None and bytes_per_s:
        left_s = (row.promised - row.sent) / bytes_per_s
    return Running(row, now - row.began, bytes_per_s, left_s)


def as_json(status: Status) -> dict[str, object]:
    """All of it, for a program."""
    return {
        "version": __version__,
        "uptime_s": round(status.uptime_s, 1),
        "workers": status.workers,
        "draining": status.is_draining,
        "running": status.running,
        "waiting": status.waiting,
        "max_downloads": status.max_downloads,
        "max_downloads_per_client": status.max_downloads_per_client,
        "bytes_per_s": round(status.bytes_per_s),
        "downloads": [_download_as_json(download) for download in status.downloads],
    }


def _download_as_json(download: Running) -> dict[str, object]:
    row = download.row
    return {
        **row.details,
        "running": row.is_running,
        "sent": row.sent,
        "promised": row.promised,
        "seconds": round(download.seconds, 1),
        "bytes_per_s": round(download.bytes_per_s),
        "left_s": None if download.left_s is None else round(download.left_s, 1),
    }


def shown_bytes(count: float) -> str:
    """1.5 MB"""
    power, count = 0, round(count)
    while count >= 999.95 and power < len(_UNITS) - 1:  # what would be shown as 1000.0
        count /= 1000
        power += 1
    return f"{count:.{1 if power else 0}f} {_UNITS[power]}"


def shown_time(seconds: float) -> str:
    """42 s, 3 min 5 s, 2 h 10 min, 4 d 3 h"""
    whole = round(seconds)
    for unit, smaller, size, divisor in (
        ("d", "h", 86400, 3600),
        ("h", "min", 3600, 60),
        ("min", "s", 60, 1),
    ):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // divisor} {smaller}"
    return f"{whole} s"
