"""Time to first byte of a range in the middle of a huge archive, from a newly started server."""

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from statistics import median

from benchmarks.client import read_headers, send_request
from benchmarks.data import Directory
from benchmarks.implementations import service
from benchmarks.servers import run_server
from benchmarks.workdir import Workdir


@dataclass(frozen=True, slots=True)
class TimeToFirstByte:
    """Milliseconds from the connect to the first byte of the body."""

    backend: str
    directory: Directory
    median_ms: float
    max_ms: float


def measure_times_to_first_byte(
    workdir: Workdir, directories: Sequence[Directory], backends: Sequence[str], rounds: int
) -> Iterator[TimeToFirstByte]:
    """Yield a result for each directory and each backend that supports ranges."""
    for directory in directories:
        workdir.add(directory, zipped=False)
        for backend in backends:
            times_ms = list(_times_ms(workdir, directory, backend, rounds))
            if times_ms:
                yield TimeToFirstByte(backend, directory, median(times_ms), max(times_ms))


def _times_ms(workdir: Workdir, directory: Directory, backend: str, rounds: int) -> Iterator[float]:
    """Request the second half, like a client that resumes. Yield nothing if ranges are not supported."""
    start = (directory.files // 2) * directory.file_bytes + directory.file_bytes // 2
    implementation, header = service(backend), f"Range: bytes={start}-"
    for _ in range(rounds):
        with run_server(implementation, workdir) as server:
            started = time.perf_counter()
            path = implementation.path.format(directory.name)
            with send_request(server.port, path, header) as connection:
                if read_headers(connection).status != HTTPStatus.PARTIAL_CONTENT:
                    return
                connection.recv(1, socket.MSG_PEEK)
                yield (time.perf_counter() - started) * 1000
