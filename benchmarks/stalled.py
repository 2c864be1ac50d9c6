"""Memory of many stalled downloads: clients that request an archive and do not read it.

`python -m benchmarks.stalled [BACKEND [DOWNLOADS]]` measures one backend with every kind of album.
"""

import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import BrokenDownloadError, read_headers, send_request
from benchmarks.data import KIB, WARM_UP, Directory, stalled_albums
from benchmarks.implementations import service
from benchmarks.process_tree import cpu_s, proportional_bytes
from benchmarks.servers import run_server
from benchmarks.workdir import Workdir

_RECEIVE_BUFFER = 64 * KIB
_IDLE_INTERVAL_S = 0.5
_IDLE_CPU_S = 0.02
_IDLE_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class StalledDownloads:
    """Memory in bytes per download. `kernel_bytes`: socket memory of both ends of its connection."""

    backend: str
    title: str
    downloads: int
    server_bytes: float
    kernel_bytes: float
    started_s: float


def measure_stalled(workdir: Workdir, directory: Directory, backend: str, count: int) -> StalledDownloads:
    """Start `count` simultaneous downloads and read only their headers. Raises BrokenDownloadError."""
    raise_descriptor_limit(count + 100)
    implementation = service(backend)
    with run_server(implementation, workdir) as server, ExitStack() as stack:
        before, kernel_before = proportional_bytes(server.pid), _kernel_bytes()
        started, path = time.monotonic(), implementation.path.format(directory.name)
        connections = [
            stack.enter_context(send_request(server.port, path, receive_buffer=_RECEIVE_BUFFER))
            for _ in range(count)
        ]
        refused = sum(read_headers(connection).status != 200 for connection in connections)
        if refused:
            raise BrokenDownloadError(f"refused downloads: {refused} of {count}")
        started_s = time.monotonic() - started
        _wait_until_idle(server.pid)
        return StalledDownloads(
            backend,
            directory.title,
            count,
            (proportional_bytes(server.pid) - before) / count,
            (_kernel_bytes() - kernel_before) / count,
            started_s,
        )


def raise_descriptor_limit(count: int) -> None:
    """Raise the soft limit of open files to `count`, or to the hard limit; child processes inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))


def _wait_until_idle(pid: int) -> None:
    deadline, used = time.monotonic() + _IDLE_TIMEOUT_S, cpu_s(pid)
    while time.monotonic() < deadline:
        time.sleep(_IDLE_INTERVAL_S)
        used_before, used = used, cpu_s(pid)
        if used - used_before < _IDLE_CPU_S:
            return
    raise BrokenDownloadError("server is still busy although no client reads")


def _kernel_bytes() -> int:
    """Return the memory of all TCP sockets on this machine (`mem` in pages, proc(5))."""
    words = Path("/proc/net/sockstat").read_text().partition("TCP: ")[2].split()
    return int(words[words.index("mem") + 1]) * resource.getpagesize()


def main(backend: str = "stored-zip", downloads: str = "1000") -> None:
    """Print a result for each kind of album."""
    with tempfile.TemporaryDirectory(prefix="tornado-archiver-bench-") as root:
        workdir = Workdir.create(Path(root))
        workdir.add(WARM_UP, zipped=False)
        for album in stalled_albums(1):
            workdir.add(album, zipped=False)
            print(measure_stalled(workdir, album, backend, int(downloads)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
