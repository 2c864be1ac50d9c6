"""Albums that change during a download: no client takes an incomplete archive for a complete one."""

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.raw_clients import BROKEN_OFF, linked_noise, stalled_curl
from tests.helpers.servers import Server, eventually, running_server
from tornado_archiver.testing import faults, trees

MIB = 1024 * 1024
BACKENDS = ("stored-zip", "tar")


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB for the price of one."""
    return linked_noise(tmp_path_factory.mktemp("noise") / "album", files=64, size=MIB)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[Server]:
    with running_server(scratch, "--formats", "tar", "--stored-threshold", "50MiB") as server:
        yield server


@pytest.fixture
def album(scratch: Path, noise: Path) -> Path:
    """Much, and last the file that something happens to."""
    album = scratch / uuid.uuid4().hex
    shutil.copytree(noise, album, copy_function=os.link)
    trees.write(album / faults.TARGET, trees.noise(300_000))
    return album


def log_lines(server: Server, album: Path) -> list[str]:
    return [line for line in server.log().splitlines() if album.name[:6] in line]


@pytest.mark.parametrize("options", [(), ("--http1.0",), ("-r", "1000000-")], ids=["whole", "old", "range"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", faults.FAULTS)
def test_source_change_aborts_the_download(
    server: Server,
    album: Path,
    tmp_path: Path,
    fault: Callable[[Path, Path], None],
    backend: str,
    options: tuple[str, ...],
) -> None:
    with stalled_curl(server, f"/archive/{album.name}/?format={backend}", *options) as client:
        fault(album, tmp_path / "outside")
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
    assert eventually(lambda: log_lines(server, album))
    (line,) = log_lines(server, album)
    assert re.search(rf" ERROR GET /archive/{album.name[:6]}…/: aborted after \d+ bytes: .+", line)


def grown(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"more")


def shrunk(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def rewritten_at_its_end(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(-4, os.SEEK_END)
        opened.write(b"else")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [40 * MIB, 60 * MIB], ids=["stored", "framed"])
@pytest.mark.parametrize("change", [grown, shrunk, rewritten_at_its_end])
def test_change_of_the_file_being_sent_aborts_the_download(
    server: Server, scratch: Path, change: Callable[[Path], None], size: int, backend: str
) -> None:
    album = linked_noise(scratch / uuid.uuid4().hex, files=1, size=size)
    with stalled_curl(server, f"/archive/{album.name}/?format={backend}") as client:
        change(album / "0000.jpg")
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
    assert eventually(lambda: log_lines(server, album))


def test_change_outside_the_range_aborts_a_resumed_zip(server: Server, album: Path) -> None:
    """The central directory would no longer match the first file."""
    first = album / "0000.jpg"
    first.unlink()
    trees.write(first, trees.noise(20 * MIB))
    with stalled_curl(server, f"/archive/{album.name}/", "-r", f"{21 * MIB}-") as client:
        trees.write(first, trees.noise(20 * MIB, 1), age_s=1)
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
