"""Work for a disconnected client stops, and uses no more CPU time."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.helpers.raw_clients import open_request
from tests.helpers.servers import Server, eventually, fetch, running_server, tool

ENDLESS = "/archive/endless/"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An album that takes years to scan: each of 20 directories has links to all others, and each way
    through them is a separate path."""
    for number in range(20):
        (tmp_path / f"endless/{number}").mkdir(parents=True)
        for other in range(20):
            (tmp_path / f"endless/{number}/to-{other}").symlink_to(f"../{other}")
    (tmp_path / "small").mkdir()
    (tmp_path / "small/1.jpg").write_bytes(b"1")
    return tmp_path


def is_idle(worker: psutil.Process) -> bool:
    before = worker.cpu_times()
    time.sleep(0.5)
    after = worker.cpu_times()
    return after.user + after.system - before.user - before.system < 0.1


def is_busy(worker: psutil.Process) -> bool:
    return not is_idle(worker)


def options(stall_timeout: str) -> list[str]:
    return ["--follow-symlinks", "--max-entries", "0", "--stall-timeout", stall_timeout]


def test_scan_is_cancelled_when_the_client_disconnects(photos: Path) -> None:
    with running_server(photos, *options("5m")) as server:
        with open_request(server, ENDLESS):
            assert eventually(lambda: is_busy(server.worker))
        assert eventually(lambda: is_idle(server.worker))
        assert fetch(server.port, "/archive/small/").startswith(b"PK")


def test_scan_is_cancelled_after_the_timeout(photos: Path) -> None:
    with running_server(photos, *options("1s")) as server:
        command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "60", "-o", "/dev/null"]
        command += ["-w", "%{http_code}", server.url(ENDLESS)]
        assert subprocess.check_output(command) == b"503"
        assert eventually(lambda: is_idle(server.worker))
        assert "the directory scan did not end within 1 s" in server.log()


def test_sigterm_ends_scan(photos: Path) -> None:
    server: Server
    with running_server(photos, *options("5m")) as server, open_request(server, ENDLESS):
        assert eventually(lambda: is_busy(server.worker))
        server.process.terminate()
        assert server.process.wait(timeout=60) == 0
        assert "killing" not in server.log()
