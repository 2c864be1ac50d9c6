"""How soon a range in the middle of a huge archive begins, from a server that has sent nothing of it."""

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from statistics import median

from benchmarks.client import asked, read_head
from benchmarks.contenders import own
from benchmarks.data import Directory
from benchmarks.servers import running
from benchmarks.workplace import Workplace


@dataclass(frozen=True, slots=True)
class FirstByte:
    """Milliseconds from the connect to the first byte of the body: their median, and the most."""

    backend: str
    directory: Directory
    milliseconds: float
    most: float


def first_bytes(
    place: Workplace, directories: Sequence[Directory], backends: Sequence[str], rounds: int
) -> Iterator[FirstByte]:
    """For each of the backends that sends ranges."""
    for directory in directories:
        place.add(directory, zipped=False)
        for backend in backends:
            times = list(_times(place, directory, backend, rounds))
            if times:
                yield FirstByte(backend, directory, median(times), max(times))


def _times(place: Workplace, directory: Directory, backend: str, rounds: int) -> Iterator[float]:
    """From there to the end, as is asked for by who goes on with a download; none if there are no ranges."""
    start = (directory.files // 2) * directory.file_bytes + directory.file_bytes // 2
    contender, wanted = own(backend), f"Range: bytes={start}-"
    for _ in range(rounds):
        with running(contender, place) as server:
            started = time.perf_counter()
            with asked(server.port, contender.path.format(directory.name), wanted) as connection:
                if read_head(connection).status != HTTPStatus.PARTIAL_CONTENT:
                    return
                connection.recv(1, socket.MSG_PEEK)
                yield (time.perf_counter() - started) * 1000
