"""Files longer than their size: an archive without their content never looks complete."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.raw_clients import BROKEN_OFF
from tests.helpers.servers import Server, eventually, running_server, tool

BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
PHOTOS, ALBUM = Path("/proc/sys/kernel"), "random"  # holds nothing but files of "0 bytes" with content


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    tool("zip")
    with running_server(PHOTOS, "--formats", ",".join(BACKENDS), "--enable-logging") as server:
        yield server


def curl(server: Server, backend: str, *options: str) -> int:
    url = server.url(f"/archive/{ALBUM}/?format={backend}")
    command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "60", *options, "-o", "/dev/null", url]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize("backend", BACKENDS)
def test_download_of_files_longer_than_their_sizes_is_aborted(server: Server, backend: str) -> None:
    before = len(server.log())
    assert curl(server, backend) in BROKEN_OFF
    assert eventually(lambda: "failed" in server.log()[before:])
    log = server.log()[before:]
    assert "holds more than the 0 bytes of its size" in log
    assert "complete" not in log


@pytest.mark.parametrize("backend", ["stored-zip", "tar"])
@pytest.mark.parametrize("wanted", ["0-599", "-1600"])
def test_range_with_files_longer_than_their_sizes_is_aborted(
    server: Server, backend: str, wanted: str
) -> None:
    assert curl(server, backend, "--range", wanted) in BROKEN_OFF
