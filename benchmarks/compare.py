"""Downloads each directory from each implementation in rounds, and measures speed, CPU and memory."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.client import BrokenDownloadError, download
from benchmarks.data import WARM_UP, Directory
from benchmarks.implementations import Implementation
from benchmarks.process_tree import MemoryWatch, cpu_s, pids, wait_until_only
from benchmarks.servers import NotStartedError, RunningServer, run_server
from benchmarks.verify import verified_length
from benchmarks.workdir import Workdir, print_progress


@dataclass(frozen=True, slots=True)
class Sample:
    """Cost of one download. `extra_bytes`: maximum memory above that of the idle server."""

    seconds: float
    time_to_first_byte_s: float
    cpu_s: float
    extra_bytes: int


@dataclass(slots=True)
class Row:
    """Downloads of one directory from one implementation.

    `length`: of the archive, in bytes. `problem`: why samples are missing.
    """

    implementation: Implementation
    directory: Directory
    length: int = 0
    samples: list[Sample] = field(default_factory=list)
    problem: str | None = None

    def megabytes_per_s(self) -> list[float]:
        """Return the speeds in MB of contents, not of bytes sent, so that all formats are comparable."""
        return [self.directory.content_bytes / sample.seconds / 1e6 for sample in self.samples]

    def cpu_s_per_gb(self) -> float:
        return median(sample.cpu_s for sample in self.samples) / self.directory.content_bytes * 1e9

    def time_to_first_byte_ms(self) -> float:
        return median(sample.time_to_first_byte_s for sample in self.samples) * 1000

    def has_compressed_zeros(self) -> bool:
        """Return whether the archive is small because the contents are zeros, unlike those of a real film."""
        return self.directory.sparse and 0 < self.length < self.directory.content_bytes / 2

    def extra_bytes(self) -> float:
        return median(sample.extra_bytes for sample in self.samples)


def compare(
    workdir: Workdir,
    directories: Sequence[Directory],
    implementations: Sequence[Implementation],
    rounds: int,
) -> list[Row]:
    """Return a row for each implementation and directory."""
    zipped = any(implementation.zipped and not implementation.missing for implementation in implementations)
    workdir.add(WARM_UP, zipped)
    rows = []
    for directory in directories:
        print_progress(f"{directory.name}: {directory.title}")
        workdir.add(directory, zipped)
        os.sync()
        rows += _measure(
            workdir, [Row(implementation, directory) for implementation in implementations], rounds
        )
    return rows


def _measure(workdir: Workdir, rows: list[Row], rounds: int) -> list[Row]:
    with ExitStack() as servers:
        measurements = [_Measurement(row, workdir, servers) for row in rows]
        for measurement in measurements:
            measurement.attempt(measurement.verify)
        for number in range(rounds):
            print_progress(f"  round {number + 1} of {rounds}")
            first = number % len(measurements)
            for measurement in measurements[first:] + measurements[:first]:
                measurement.attempt(measurement.measure)
    return rows


class _Measurement:
    """One implementation with one directory. Unless `is_restarted`, its server runs from `verify` on."""

    def __init__(self, row: Row, workdir: Workdir, servers: ExitStack) -> None:
        self._row = row
        self._workdir = workdir
        self._servers = servers
        self._path = row.implementation.path.format(row.directory.name)

    def attempt(self, step: Callable[[], None]) -> None:
        """Run the step. After an error, set the row's problem and skip all further steps."""
        if self._row.problem:
            return
        try:
            step()
        except (NotStartedError, BrokenDownloadError, OSError) as error:
            self._row.problem = str(error)
            print_progress(f"  {self._row.implementation.name}: {error}")

    def verify(self) -> None:
        """Download the archive for the first time, verify it and record its length."""
        with ExitStack() as stack:
            server = stack.enter_context(run_server(self._row.implementation, self._workdir))
            self._row.length = verified_length(
                server.port,
                self._path,
                self._workdir.tempdir,
                self._row.implementation.extension,
                self._row.directory.files,
            )
            if not self._row.implementation.is_restarted:
                self._server = server
                self._servers.push(stack.pop_all())

    def measure(self) -> None:
        """Add one sample."""
        self._workdir.warm_page_cache(self._row.directory, self._row.implementation.zipped)
        if self._row.implementation.is_restarted:
            with run_server(self._row.implementation, self._workdir) as server:
                self._measure(server)
        else:
            self._measure(self._server)

    def _measure(self, server: RunningServer) -> None:
        processes, before_s = set(pids(server.pid)), cpu_s(server.pid)
        with MemoryWatch(server.pid) as memory:
            done = download(server.port, self._path)
        wait_until_only(server.pid, processes)
        used_s = cpu_s(server.pid) - before_s
        if done.received != self._row.length:
            raise BrokenDownloadError(f"wrong length: {done.received} bytes, expected {self._row.length}")
        extra = max(0, memory.peak - server.idle_bytes)
        self._row.samples.append(Sample(done.seconds, done.time_to_first_byte_s, used_s, extra))
