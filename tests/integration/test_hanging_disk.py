"""A disk that hangs like a dead network mount: a file with a lease that is not released (fcntl(2)).

open(2) of it blocks in the kernel.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.file_leases import leased
from tests.helpers.raw_clients import BROKEN_OFF, linked_noise
from tests.helpers.servers import Server, eventually, fetch, running_server, tool

HANGING, HEALTHY = "/archive/hanging/", "/archive/healthy/"
THREADS_BY_DEFAULT = 6  # of a machine with two cores
WORKER_THREADS = 32


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Path]:
    """One of the albums has a file that hangs until the test ends."""
    linked_noise(tmp_path / "healthy", files=3, size=1000)
    kept = linked_noise(tmp_path / "hanging", files=1, size=1000) / "0000.jpg"
    with leased(kept, lets_go=False):
        yield tmp_path


@pytest.fixture
def server(photos: Path) -> Iterator[Server]:
    with running_server(photos, "--stall-timeout", "3s") as server:
        yield server


def curl(server: Server, *options: str) -> list[str]:
    return [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "40", *options, server.url(HANGING)]


def visit(server: Server) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(curl(server), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_hanging_disk_aborts_the_download(server: Server) -> None:
    with visit(server) as client:
        assert client.wait(timeout=40) in BROKEN_OFF
    assert eventually(lambda: "nothing came from the backend for 3 s" in server.log())
    assert server.log().count("nothing came") == 1


def test_hanging_disk_does_not_block_other_downloads(server: Server) -> None:
    clients = [visit(server) for _ in range(THREADS_BY_DEFAULT + 2)]
    assert all(client.wait(timeout=40) in BROKEN_OFF for client in clients)
    assert fetch(server.port, HEALTHY).startswith(b"PK")


def test_hanging_scan_returns_503(photos: Path, server: Server) -> None:
    """A file that is not world-readable is opened before the response headers."""
    (photos / "hanging/0000.jpg").chmod(0o600)
    status = subprocess.check_output(curl(server, "-o", "/dev/null", "-w", "%{http_code}"))
    assert status == b"503"
    assert "the directory scan did not end within 3 s" in server.log()
    assert fetch(server.port, HEALTHY).startswith(b"PK")


def test_hanging_scan_takes_one_thread_however_often_it_is_requested(photos: Path, server: Server) -> None:
    """A worker has 32 threads, and a client that gets no response requests again."""
    (photos / "hanging/0000.jpg").chmod(0o600)
    for _ in range(WORKER_THREADS):
        assert subprocess.call(curl(server, "--head", "--max-time", "0.1"), stderr=subprocess.DEVNULL)
    assert fetch(server.port, HEALTHY).startswith(b"PK")


@pytest.mark.parametrize("mode", [0o644, 0o600], ids=["while it is packed", "while it is scanned"])
def test_sigterm_with_hanging_thread_ends_without_kill(photos: Path, server: Server, mode: int) -> None:
    """A file that is not world-readable is opened by the scan already."""
    (photos / "hanging/0000.jpg").chmod(mode)
    with visit(server) as client:
        client.wait(timeout=40)
    server.process.terminate()
    assert server.process.wait(timeout=60) == 0
    assert "killing" not in server.log()
