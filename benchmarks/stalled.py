"""Memory of many clients that have asked for an archive and do not read it.

`python -m benchmarks.stalled [BACKEND [DOWNLOADS]]` measures it alone, over every kind of album.
"""

import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import BrokenDownloadError, asked, read_head
from benchmarks.contenders import own
from benchmarks.data import KIB, WARM_UP, Directory, stalled_albums
from benchmarks.process_tree import cpu_s, proportional_bytes
from benchmarks.servers import running
from benchmarks.workplace import Workplace

_RECEIVE_BUFFER = 64 * KIB
_QUIET_S = 0.5
_QUIET_CPU_S = 0.02
_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Stalled:
    """Bytes are per download. `kernel_bytes` is what both ends of its connection hold on the way."""

    backend: str
    title: str
    downloads: int
    own_bytes: float
    kernel_bytes: float
    ready_s: float


def stalled(place: Workplace, directory: Directory, backend: str, count: int) -> Stalled:
    """`count` downloads at once, each started and then not read. Raises BrokenDownloadError."""
    allow_descriptors(count + 100)
    contender = own(backend)
    with running(contender, place) as server, ExitStack() as visitors:
        before, kernel_before = proportional_bytes(server.pid), _kernel_bytes()
        started, path = time.monotonic(), contender.path.format(directory.name)
        connections = [
            visitors.enter_context(asked(server.port, path, receive_buffer=_RECEIVE_BUFFER))
            for _ in range(count)
        ]
        refused = sum(read_head(connection).status != 200 for connection in connections)
        if refused:
            raise BrokenDownloadError(f"{refused} of {count} downloads were refused")
        ready_s = time.monotonic() - started
        _wait_until_quiet(server.pid)
        return Stalled(
            backend,
            directory.title,
            count,
            (proportional_bytes(server.pid) - before) / count,
            (_kernel_bytes() - kernel_before) / count,
            ready_s,
        )


def allow_descriptors(count: int) -> None:
    """So many for this process and those that it starts, as far as that is up to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))


def _wait_until_quiet(pid: int) -> None:
    deadline, used = time.monotonic() + _PATIENCE_S, cpu_s(pid)
    while time.monotonic() < deadline:
        time.sleep(_QUIET_S)
        used_before, used = used, cpu_s(pid)
        if used - used_before < _QUIET_CPU_S:
            return
    raise BrokenDownloadError("the server goes on working though nobody reads")


def _kernel_bytes() -> int:
    """Memory of all TCP sockets on this machine (`mem` in pages, proc(5))."""
    words = Path("/proc/net/sockstat").read_text().partition("TCP: ")[2].split()
    return int(words[words.index("mem") + 1]) * resource.getpagesize()


def main(backend: str = "stored-zip", downloads: str = "1000") -> None:
    with tempfile.TemporaryDirectory(prefix="tornado-archiver-bench-") as root:
        place = Workplace.within(Path(root))
        place.add(WARM_UP, zipped=False)
        for album in stalled_albums(1):
            place.add(album, zipped=False)
            print(stalled(place, album, backend, int(downloads)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
