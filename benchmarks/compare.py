"""Downloads each directory from each contender, in turns, and measures what that takes."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.check import checked_length
from benchmarks.client import BrokenDownloadError, download
from benchmarks.contenders import Contender
from benchmarks.data import WARM_UP, Directory
from benchmarks.process_tree import MemoryWatch, cpu_s, pids, wait_until_only
from benchmarks.servers import NotStartedError, Running, running
from benchmarks.workplace import Workplace, tell


@dataclass(frozen=True, slots=True)
class Sample:
    """What one download took. `extra_bytes` is the most memory above that of the idle server."""

    seconds: float
    first_byte_s: float
    cpu_s: float
    extra_bytes: int


@dataclass(slots=True)
class Row:
    """One contender's downloads of one directory; `problem` says why there are none, or no more.

    `length` is that of the archive, in bytes.
    """

    contender: Contender
    directory: Directory
    length: int = 0
    samples: list[Sample] = field(default_factory=list)
    problem: str | None = None

    def megabytes_per_s(self) -> list[float]:
        """Of contents, not of bytes sent: a format that squeezes them is not the slower for it."""
        return [self.directory.content_bytes / sample.seconds / 1e6 for sample in self.samples]

    def cpu_s_per_gb(self) -> float:
        return median(sample.cpu_s for sample in self.samples) / self.directory.content_bytes * 1e9

    def first_byte_ms(self) -> float:
        return median(sample.first_byte_s for sample in self.samples) * 1000

    def has_squeezed_zeros(self) -> bool:
        """Whether next to nothing was sent, as would not be so of a real film."""
        return self.directory.sparse and 0 < self.length < self.directory.content_bytes / 2

    def extra_bytes(self) -> float:
        return median(sample.extra_bytes for sample in self.samples)


def compare(
    place: Workplace, directories: Sequence[Directory], contenders: Sequence[Contender], rounds: int
) -> list[Row]:
    """Every contender on every directory, a row each."""
    zipped = any(contender.zipped and not contender.missing for contender in contenders)
    place.add(WARM_UP, zipped)
    rows = []
    for directory in directories:
        tell(f"{directory.name}: {directory.title}")
        place.add(directory, zipped)
        os.sync()
        rows += _compared(place, [Row(contender, directory) for contender in contenders], rounds)
    return rows


def _compared(place: Workplace, rows: list[Row], rounds: int) -> list[Row]:
    with ExitStack() as servers:
        matches = [_Match(row, place, servers) for row in rows]
        for match in matches:
            match.attempt(match.check)
        for turn in range(rounds):
            tell(f"  round {turn + 1} of {rounds}")
            first = turn % len(matches)
            for match in matches[first:] + matches[:first]:
                match.attempt(match.measure)
    return rows


class _Match:
    """One contender at one directory. Its server runs from `check` on, unless it is a fresh one each time."""

    def __init__(self, row: Row, place: Workplace, servers: ExitStack) -> None:
        self._row = row
        self._place = place
        self._servers = servers
        self._path = row.contender.path.format(row.directory.name)

    def attempt(self, step: Callable[[], None]) -> None:
        """Take the step; what goes wrong becomes the row's problem, after which no step is taken."""
        if self._row.problem:
            return
        try:
            step()
        except (NotStartedError, BrokenDownloadError, OSError) as error:
            self._row.problem = str(error)
            tell(f"  {self._row.contender.name}: {error}")

    def check(self) -> None:
        """The first download: saved, read by others' programs, and its length kept."""
        with ExitStack() as stack:
            server = stack.enter_context(running(self._row.contender, self._place))
            self._row.length = checked_length(
                server.port,
                self._path,
                self._place.scratch,
                self._row.contender.suffix,
                self._row.directory.files,
            )
            if not self._row.contender.fresh:
                self._server = server
                self._servers.push(stack.pop_all())

    def measure(self) -> None:
        self._place.warm(self._row.directory, self._row.contender.zipped)
        if self._row.contender.fresh:
            with running(self._row.contender, self._place) as server:
                self._measure(server)
        else:
            self._measure(self._server)

    def _measure(self, server: Running) -> None:
        processes, before_s = set(pids(server.pid)), cpu_s(server.pid)
        with MemoryWatch(server.pid) as memory:
            done = download(server.port, self._path)
        wait_until_only(server.pid, processes)
        used_s = cpu_s(server.pid) - before_s
        if done.received != self._row.length:
            raise BrokenDownloadError(f"{done.received} bytes came instead of {self._row.length}")
        extra = max(0, memory.peak - server.idle_bytes)
        self._row.samples.append(Sample(done.seconds, done.first_byte_s, used_s, extra))
