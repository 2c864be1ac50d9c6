"""Load benchmark: a thousand slow downloads, a fast client and new clients at the same time.

`python -m benchmarks.load [BACKEND [DOWNLOADS]]` measures one backend, with slow clients of every kind of
album.
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

from benchmarks.client import BrokenDownloadError, download, send_request
from benchmarks.data import SLOW_THRESHOLD, WARM_UP, Directory, directories, slow_albums
from benchmarks.implementations import PROJECT, service
from benchmarks.process_tree import MemoryWatch, cpu_s, proportional_bytes
from benchmarks.servers import RunningServer, run_server
from benchmarks.slow_clients import ALL_SENT, SlowClient
from benchmarks.stalled import raise_descriptor_limit
from benchmarks.workdir import Workdir

SLOW_BYTES_PER_S = 100_000
_ALONE_DOWNLOADS = 5  # by the fast client, before the slow clients connect
_PROBE_INTERVAL_S = 0.05
_MEMORY_INTERVAL_S = 0.25
_SLOW_ALONE_RATIO = 1 / 3  # of the duration of the slow downloads
_READ_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """Result of one load benchmark.

    `complete`: slow downloads with the length and CRC-32 of the archive. `alone_bytes_per_s`,
    `loaded_bytes_per_s`: speed of the fast client without and with the slow ones. The times to first byte are
    those of new clients under load. `cpu_share`: processor cores used for the slow clients alone.
    `extra_bytes`: maximum memory above that of the idle server.
    """

    backend: str
    title: str
    downloads: int
    complete: int
    seconds: float
    alone_bytes_per_s: float
    loaded_bytes_per_s: float
    time_to_first_byte_s: float
    time_to_first_byte_p95_s: float
    cpu_share: float
    extra_bytes: float


def measure_load(workdir: Workdir, slow: Directory, fast: Directory, backend: str, count: int) -> Load:
    """Measure `count` slow downloads of `slow`, with successive fast downloads of `fast` at the same time.

    Raises BrokenDownloadError.
    """
    raise_descriptor_limit(count + 100)
    implementation = service(backend, "--stored-threshold", str(SLOW_THRESHOLD))
    path, fast_path = (implementation.path.format(directory.name) for directory in (slow, fast))
    with run_server(implementation, workdir) as server:
        idle = proportional_bytes(server.pid)
        expected = _length_and_crc(server.port, path)
        alone = [_bytes_per_s(server.port, fast_path) for _ in range(_ALONE_DOWNLOADS)]
        started = time.monotonic()
        with MemoryWatch(server.pid, proportional_bytes, _MEMORY_INTERVAL_S) as memory:
            with _slow_clients(server.port, path, count) as clients:
                cpu_share = _cpu_share(server, _SLOW_ALONE_RATIO * expected[0] / SLOW_BYTES_PER_S)
                loaded, times_to_first_byte = _measure_under_load(server.port, clients, fast_path)
                complete = _count_complete(expected, clients)
            seconds = time.monotonic() - started
        return Load(
            backend,
            slow.title,
            count,
            complete,
            seconds,
            median(alone),
            median(loaded),
            median(times_to_first_byte),
            quantiles(times_to_first_byte, n=20)[-1],
            cpu_share,
            memory.peak - idle,
        )


def _length_and_crc(port: int, path: str) -> tuple[int, int]:
    """Return length and CRC-32 of the archive."""
    with send_request(port, path, version="1.0") as connection:
        client = SlowClient(connection)
        while client.read(_READ_SIZE):
            time.sleep(0.001)
    return client.length, client.crc


def _bytes_per_s(port: int, path: str) -> float:
    done = download(port, path)
    return done.received / done.seconds


@contextmanager
def _slow_clients(port: int, path: str, count: int) -> Iterator["Popen[str]"]:
    """Yield the process of the slow clients once all requests are sent.

    A separate process, so that its computations do not delay the time measurements of this one.
    """
    arguments = [str(port), path, str(count), str(SLOW_BYTES_PER_S)]
    command = [sys.executable, "-m", "benchmarks.slow_clients", *arguments]
    with Popen(command, cwd=PROJECT, stdout=PIPE, text=True) as clients:
        try:
            assert clients.stdout
            if clients.stdout.readline().strip() != ALL_SENT:
                raise BrokenDownloadError("slow clients could not send all requests")
            yield clients
        finally:
            clients.kill()


def _cpu_share(server: RunningServer, seconds: float) -> float:
    before = cpu_s(server.pid)
    time.sleep(seconds)
    return (cpu_s(server.pid) - before) / seconds


def _measure_under_load(port: int, clients: "Popen[str]", fast_path: str) -> tuple[list[float], list[float]]:
    """Return bytes per second of successive fast downloads, and times to first byte of small ones in seconds.

    Both continue until the slow clients have ended.
    """
    speeds: list[float] = []
    times_to_first_byte: list[float] = []

    def download_repeatedly() -> None:
        while clients.poll() is None:
            speeds.append(_bytes_per_s(port, fast_path))

    fast = threading.Thread(target=download_repeatedly)
    fast.start()
    while clients.poll() is None:
        times_to_first_byte.append(download(port, f"/archive/{WARM_UP.name}/").time_to_first_byte_s)
        time.sleep(_PROBE_INTERVAL_S)
    fast.join()
    return speeds, times_to_first_byte


def _count_complete(expected: tuple[int, int], clients: "Popen[str]") -> int:
    assert clients.stdout
    output = clients.stdout.read()
    if clients.wait():
        raise BrokenDownloadError(f"slow clients failed: exit code {clients.returncode}")
    return sum(count for length, crc, count in json.loads(output) if (length, crc) == expected)


def main(backend: str = "stored-zip", downloads: str = "1000") -> None:
    """Print a result for each kind of album."""
    photos = directories(1)[0]
    with tempfile.TemporaryDirectory(prefix="tornado-archiver-bench-") as root:
        workdir = Workdir.create(Path(root))
        for directory in (WARM_UP, photos):
            workdir.add(directory, zipped=False)
        for album in slow_albums(1):
            workdir.add(album, zipped=False)
            print(measure_load(workdir, album, photos, backend, int(downloads)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
