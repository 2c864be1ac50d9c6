"""What a fast visitor and one who has just come notice of a thousand slow ones, and what all of them cost.

`python -m benchmarks.load [BACKEND [DOWNLOADS]]` measures it alone,
with slow clients of every kind of album.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from subprocess import PIPE, Popen

from benchmarks.client import BrokenDownloadError, asked, download
from benchmarks.contenders import HERE, own
from benchmarks.crowd import BEGUN, SlowVisitor
from benchmarks.data import SLOW_THRESHOLD, WARM_UP, Directory, directories, slow_albums
from benchmarks.process_tree import MemoryWatch, cpu_s, proportional_bytes
from benchmarks.servers import Running, running
from benchmarks.stalled import allow_descriptors
from benchmarks.workplace import Workplace

SLOW_BYTES_PER_S = 100_000
_ALONE = 5  # downloads of the fast one, before the others come
_PROBE_S = 0.05
_MEMORY_S = 0.25
_CROWD_ALONE = 1 / 3  # of the time that the slow ones take
_WHOLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """`whole` of the slow downloads were the archive, byte for byte. Speeds are of the fast one, in bytes
    of the archive; first bytes are those of visitors who come while all that goes on. `cpu_share` is what
    the slow ones alone take of a core. `extra_bytes`: the most memory above that of the idle server."""

    backend: str
    title: str
    downloads: int
    whole: int
    seconds: float
    alone_bytes_per_s: float
    beside_bytes_per_s: float
    first_byte_s: float
    first_byte_p95_s: float
    cpu_share: float
    extra_bytes: float


def load(place: Workplace, slow: Directory, fast: Directory, backend: str, count: int) -> Load:
    """`count` slow downloads of one directory, and beside them fast ones of the other, one by one.

    Raises BrokenDownloadError.
    """
    allow_descriptors(count + 100)
    contender = own(backend, "--stored-threshold", str(SLOW_THRESHOLD))
    path, fast_path = (contender.path.format(directory.name) for directory in (slow, fast))
    with running(contender, place) as server:
        idle = proportional_bytes(server.pid)
        expected = _fingerprint(server.port, path)
        alone = [_bytes_per_s(server.port, fast_path) for _ in range(_ALONE)]
        began = time.monotonic()
        with MemoryWatch(server.pid, proportional_bytes, _MEMORY_S) as memory:
            with _crowd(server.port, path, count) as visitors:
                cpu_share = _cpu_share(server, _CROWD_ALONE * expected[0] / SLOW_BYTES_PER_S)
                beside, first_bytes = _beside(server.port, visitors, fast_path)
                whole = _how_many_have(expected, visitors)
            seconds = time.monotonic() - began
        return Load(
            backend,
            slow.title,
            count,
            whole,
            seconds,
            median(alone),
            median(beside),
            median(first_bytes),
            quantiles(first_bytes, n=20)[-1],
            cpu_share,
            memory.peak - idle,
        )


def _fingerprint(port: int, path: str) -> tuple[int, int]:
    """Length and CRC-32 of the archive."""
    with asked(port, path, version="1.0") as connection:
        visitor = SlowVisitor(connection)
        while visitor.takes(_WHOLE):
            time.sleep(0.001)
    return visitor.length, visitor.crc


def _bytes_per_s(port: int, path: str) -> float:
    done = download(port, path)
    return done.received / done.seconds


@contextmanager
def _crowd(port: int, path: str, count: int) -> Iterator["Popen[str]"]:
    """The slow ones, once all of them have asked. A process of their own: what they compute keeps nobody
    here from looking at the clock."""
    command = [sys.executable, "-m", "benchmarks.crowd", str(port), path, str(count), str(SLOW_BYTES_PER_S)]
    with Popen(command, cwd=HERE.parent, stdout=PIPE, text=True) as visitors:
        try:
            assert visitors.stdout
            if visitors.stdout.readline().strip() != BEGUN:
                raise BrokenDownloadError("the slow visitors could not all ask")
            yield visitors
        finally:
            visitors.kill()


def _cpu_share(server: Running, seconds: float) -> float:
    before = cpu_s(server.pid)
    time.sleep(seconds)
    return (cpu_s(server.pid) - before) / seconds


def _beside(port: int, visitors: "Popen[str]", fast_path: str) -> tuple[list[float], list[float]]:
    """Speeds of fast downloads, one after the other, and times to the first byte of small ones, until the
    slow ones have done."""
    speeds: list[float] = []
    first_bytes: list[float] = []

    def go_on() -> None:
        while visitors.poll() is None:
            speeds.append(_bytes_per_s(port, fast_path))

    fast = threading.Thread(target=go_on)
    fast.start()
    while visitors.poll() is None:
        first_bytes.append(download(port, f"/archive/{WARM_UP.name}/").first_byte_s)
        time.sleep(_PROBE_S)
    fast.join()
    return speeds, first_bytes


def _how_many_have(expected: tuple[int, int], visitors: "Popen[str]") -> int:
    assert visitors.stdout
    said = visitors.stdout.read()
    if visitors.wait():
        raise BrokenDownloadError("the slow visitors went down")
    got = json.loads(said)
    return sum(count for length, crc, count in got if (length, crc) == expected)


def main(backend: str = "stored-zip", downloads: str = "1000") -> None:
    photos = directories(1)[0]
    with tempfile.TemporaryDirectory(prefix="tornado-archiver-bench-") as root:
        place = Workplace.within(Path(root))
        for directory in (WARM_UP, photos):
            place.add(directory, zipped=False)
        for album in slow_albums(1):
            place.add(album, zipped=False)
            print(load(place, album, photos, backend, int(downloads)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
