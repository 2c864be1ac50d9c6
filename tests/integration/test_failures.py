"""Failures during a download: curl must detect an incomplete archive."""

import os
import re
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.helpers.raw_clients import (
    BROKEN_OFF,
    exit_code,
    linked_noise,
    open_request,
    parsed,
    read_head,
    request,
    rest_of,
    stalled_curl,
    tree_of,
    views,
    zips_of,
)
from tests.helpers.servers import Server, eventually, fetch, running_server, tool
from tornado_archiver.testing import faults, trees

HTTP_VERSIONS = ("--http1.1", "--http1.0")
BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
LAST = Path(faults.TARGET)  # in the order of packing, so everything before it is more than buffers hold


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB for the price of one."""
    tool("zip")
    return linked_noise(tmp_path_factory.mktemp("noise") / "album", files=64, size=1024 * 1024)


@pytest.fixture
def album(photos: Path, noise: Path) -> Path:
    """Much, and last the file that something happens to."""
    album = photos / uuid.uuid4().hex
    shutil.copytree(noise, album, copy_function=os.link)
    trees.write(album / LAST, trees.noise(100_000))
    return album


@pytest.fixture(scope="module")
def server(photos: Path) -> Iterator[Server]:
    with running_server(photos, "--formats", ",".join(BACKENDS)) as server:
        yield server


@pytest.fixture
def own_server(photos: Path) -> Iterator[Server]:
    """One that a test may stop."""
    with running_server(photos, "--formats", ",".join(BACKENDS)) as server:
        yield server


def link(album: Path, backend: str = "zip") -> str:
    return f"/archive/{album.name}/?format={backend}"


def log_lines(server: Server, album: Path) -> list[str]:
    """The lines of the log about an album."""
    return [line for line in server.log().splitlines() if album.name[:6] in line]


def removed(root: Path, outside: Path) -> None:
    shutil.rmtree(root)


@pytest.mark.parametrize("http_version", HTTP_VERSIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_slow_download_is_complete(server: Server, album: Path, backend: str, http_version: str) -> None:
    with stalled_curl(server, link(album, backend), http_version) as client:
        assert exit_code(client) == 0


@pytest.mark.parametrize("http_version", HTTP_VERSIONS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "fault", [faults.deleted, faults.rewritten, faults.grown, faults.shrunk, faults.replaced_by_link, removed]
)
def test_source_change_aborts_the_download(
    server: Server,
    album: Path,
    tmp_path: Path,
    fault: Callable[[Path, Path], None],
    backend: str,
    http_version: str,
) -> None:
    with stalled_curl(server, link(album, backend), http_version) as client:
        fault(album, tmp_path / "outside")
        assert exit_code(client) in BROKEN_OFF
    assert eventually(lambda: log_lines(server, album))
    assert_one_line_has_the_reason(
        server, album, r"'\S+' (is gone|changed|was replaced)|the directory is gone"
    )


def grow(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"more")


def shrink(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def rewrite_the_end(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(-4, os.SEEK_END)
        opened.write(b"else")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("change", [grow, shrink, rewrite_the_end])
def test_change_of_the_file_being_packed_aborts_the_download(
    server: Server, photos: Path, change: Callable[[Path], None], backend: str
) -> None:
    album = linked_noise(photos / uuid.uuid4().hex, files=1, size=64 * 1024 * 1024)
    with stalled_curl(server, link(album, backend)) as client:
        change(album / "0000.jpg")
        assert exit_code(client) in BROKEN_OFF


@pytest.mark.parametrize("http_version", HTTP_VERSIONS)
def test_killed_packer_aborts_the_download(server: Server, album: Path, http_version: str) -> None:
    with stalled_curl(server, link(album), http_version) as client:
        (packer,) = zips_of(server)
        packer.kill()
        assert exit_code(client) in BROKEN_OFF
    assert eventually(lambda: log_lines(server, album))
    assert_one_line_has_the_reason(server, album, "zip exited with status -9")


def assert_one_line_has_the_reason(server: Server, album: Path, why: str) -> None:
    """Assert that one log line has the reason, and neither the hash nor a path."""
    (line,) = log_lines(server, album)
    shown = f"GET /archive/{album.name[:6]}…/"
    assert re.search(rf" ERROR {shown}: aborted after \d+ bytes: .*({why})", line)
    assert album.name not in line
    assert "/" not in line.replace(shown, "").replace(str(LAST), "")


def test_request_after_a_failure_is_served(server: Server, album: Path) -> None:
    with stalled_curl(server, link(album)) as client:
        (album / LAST).unlink()
        assert exit_code(client) in BROKEN_OFF
    assert len(fetch(server.port, link(album))) > 64 * 1024 * 1024


# Stopping the service


@pytest.mark.parametrize("http_version", HTTP_VERSIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_stop_aborts_downloads_and_releases_resources(
    own_server: Server, album: Path, backend: str, http_version: str
) -> None:
    with stalled_curl(own_server, link(album, backend), http_version) as client:
        programs = tree_of(own_server)[1:]
        assert len(programs) == (backend == "zip")
        own_server.process.send_signal(signal.SIGTERM)
        assert own_server.process.wait(timeout=10) == 0
        assert not [program for program in programs if program.is_running()]
        assert exit_code(client) in BROKEN_OFF


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_does_not_wait_for_idle_connections(own_server: Server, number: signal.Signals) -> None:
    with open_request(own_server, "/") as client:
        read_head(client)
        own_server.process.send_signal(number)
        assert own_server.process.wait(timeout=10) == 0


# When there is nothing left to work with


@pytest.mark.parametrize("backend", BACKENDS)
def test_exhausted_descriptors_fail_without_incomplete_archives(
    own_server: Server, photos: Path, backend: str
) -> None:
    """However many there are left: a status, a broken connection or a whole archive, and nothing stays."""
    odd = photos / "odd"  # names that the zip program has to be helped with, which takes more descriptors
    trees.write(odd / "in" / "a:b.jpg", b"odd")
    worker = own_server.worker
    outcomes = [with_descriptors_left(own_server, link(odd, backend), left) for left in range(20)]
    assert outcomes[0] == "503"
    assert set(outcomes) <= {"503", "500", "broken off", "whole"}
    assert outcomes[-1] == "whole"
    assert own_server.worker == worker, "no worker was restarted"
    assert eventually(lambda: not views(worker))


def with_descriptors_left(server: Server, path: str, left: int) -> str:
    """How a download ends on a connection that was accepted before they ran short."""
    process = server.worker
    with open_request(server, "/archive/unknown/") as client:
        read_head(client)
        usual = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + left, usual[1]))
        try:
            client.sendall(request(path, headers="Connection: close\r\n"))
            answer = rest_of(client)
        except ConnectionResetError:
            return "broken off"
        finally:
            process.rlimit(psutil.RLIMIT_NOFILE, usual)
    second = parsed(answer[answer.index(b"HTTP/1.1") :])
    if second.status != 200:
        return str(second.status)
    assert f"Content-Length: {len(second.body)}" in second.headers or second.body.endswith(b"\r\n0\r\n\r\n")
    return "whole"
