"""Downloads that break off in the middle and go on later: real clients against real servers."""

import os
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.proxies import nginx
from tests.servers import (
    Server,
    contents,
    contents_of_zip,
    eventually,
    fetch,
    running_server,
    tool,
)
from tests.web.test_drain import is_refusing
from tests.web.visitors import BROKEN_OFF, linked_noise, stalled_curl
from tornado_archiver.testing import faults, trees

MIB = 1024 * 1024
ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
LINK = f"/archive/{ALBUM}/"
BACKENDS = ("stored-zip", "tar")
UNDER_WAY_BYTES = 4 * MIB
CANNOT_RESUME = 33  # https://curl.se/libcurl/c/libcurl-errors.html: CURLE_RANGE_ERROR
# With a pause between two chunks there is time to break a download off in its middle
PAUSE_S = 0.1
SLOWLY = ("--enable-response-delay", "--response-delay", str(PAUSE_S), "--enable-logging")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 MiB, no part like another."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(12):
        trees.write(root / ALBUM / f"{number:02}.jpg", trees.noise(5 * MIB, number))
    return root


@pytest.fixture(scope="module")
def archive(photos: Path) -> bytes:
    with running_server(photos) as server:
        return fetch(server.port, LINK)


@pytest.fixture(scope="module")
def slow_server(photos: Path) -> Iterator[Server]:
    with running_server(photos, *SLOWLY) as server:
        yield server


# The clients, each told to go on with what it has


def curl(url: str, saved: Path) -> list[str | Path]:
    return [tool("curl"), "-sS", "--noproxy", "*", "--fail", "-C", "-", "-o", saved, url]


def wget(url: str, saved: Path) -> list[str | Path]:
    return [tool("wget"), "-nv", "--no-proxy", "--tries=1", "-c", "-O", saved, url]


def aria2c(url: str, saved: Path) -> list[str | Path]:
    options = "-q -x 8 -s 8 --min-split-size=1M --file-allocation=none --max-tries=1 --no-conf --all-proxy="
    options += " --max-overall-download-limit=16M"  # by eight ways it would be there in half a second
    control_file = ["--auto-save-interval=1", "-c"]  # or it would not know which parts it has
    return [tool("aria2c"), *options.split(), *control_file, "-d", saved.parent, "-o", saved.name, url]


Client = Callable[[str, Path], list[str | Path]]
CLIENTS = (curl, wget, aria2c)


@contextmanager
def under_way(command: list[str | Path], saved: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A client that has got some of the archive, but not all of it."""
    with subprocess.Popen(command) as visitor:
        try:
            assert eventually(lambda: bytes_on_disk(saved) >= UNDER_WAY_BYTES, timeout_s=30)
            assert visitor.poll() is None
            yield visitor
        finally:
            visitor.kill()


def bytes_on_disk(saved: Path) -> int:
    """Holes, which aria2c leaves between its parts, do not count."""
    return saved.stat().st_blocks * 512 if saved.exists() else 0


# The same again


@pytest.mark.parametrize("client", CLIENTS)
def test_a_visitor_comes_back_for_the_rest(
    slow_server: Server, archive: bytes, tmp_path: Path, client: Client
) -> None:
    saved = tmp_path / "saved.zip"
    command = client(slow_server.url(LINK), saved)
    with under_way(command, saved) as visitor:
        visitor.send_signal(signal.SIGTERM)
        assert visitor.wait(timeout=30) != 0
    assert_it_goes_on(command, saved, archive)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_visitor_comes_back_after_the_service_was_restarted(
    photos: Path, archive: bytes, tmp_path: Path, client: Client, stop: signal.Signals
) -> None:
    saved = tmp_path / "saved.zip"
    with running_server(photos, *SLOWLY, "--drain-timeout", "0") as server:
        command = client(server.url(LINK), saved)
        with under_way(command, saved) as visitor:
            server.process.send_signal(stop)
            server.process.wait(timeout=20)
            assert visitor.wait(timeout=60) != 0
    with running_server(photos, *SLOWLY, port=server.port) as server:
        assert_it_goes_on(command, saved, archive)
        assert eventually(lambda: says_206(server))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_visitor_comes_back_after_the_worker_died(
    photos: Path, archive: bytes, tmp_path: Path, client: Client
) -> None:
    saved = tmp_path / "saved.zip"
    with running_server(photos, *SLOWLY) as server:
        command = client(server.url(LINK), saved)
        with under_way(command, saved) as visitor:
            server.worker.kill()
            assert visitor.wait(timeout=60) != 0
        assert_it_goes_on(command, saved, archive)


def says_206(server: Server) -> bool:
    """Whether the log tells of a visitor who got a part."""
    return " 206 " in server.log()


def assert_it_goes_on(command: list[str | Path], saved: Path, archive: bytes) -> None:
    got = bytes_on_disk(saved)
    assert UNDER_WAY_BYTES <= got < len(archive), "broken off in the middle"
    subprocess.run(command, check=True, timeout=60)
    assert saved.read_bytes() == archive


def test_wget_by_itself_sees_a_restart_through(photos: Path, archive: bytes, tmp_path: Path) -> None:
    """Its own tries, one command: the visitor notices nothing."""
    saved, patience = tmp_path / "saved.zip", ["--tries=60", "--waitretry=1", "--retry-connrefused"]
    with (
        running_server(photos, *SLOWLY) as server,
        under_way([*wget(server.url(LINK), saved), *patience], saved) as visitor,
    ):
        server.process.kill()
        server.process.wait()
        assert eventually(lambda: is_refusing(server), timeout_s=30), "its orphan has left the address, too"
        with running_server(photos, *SLOWLY, port=server.port):
            assert visitor.wait(timeout=60) == 0
    assert saved.read_bytes() == archive


def test_what_was_put_together_opens(archive: bytes, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "saved.zip").write_bytes(archive)
    assert contents_of_zip(tmp_path / "saved.zip") == contents(photos / ALBUM)


# The same again, from another server


@pytest.fixture
def two_servers(photos: Path, tmp_path: Path) -> Iterator[tuple[str, list[Server]]]:
    """Behind one nginx; and the link there."""
    with running_server(photos, *SLOWLY) as one, running_server(photos, *SLOWLY) as other:
        assert etag_of(one.url(LINK)) == etag_of(other.url(LINK))
        with nginx([one.port, other.port], tmp_path) as port:
            yield f"http://127.0.0.1:{port}{LINK}", [one, other]


@pytest.mark.parametrize("client", [curl, wget])
def test_another_server_has_the_rest(
    two_servers: tuple[str, list[Server]], archive: bytes, tmp_path: Path, client: Client
) -> None:
    (url, servers), saved = two_servers, tmp_path / "saved.zip"
    command = client(url, saved)
    with under_way(command, saved) as visitor:
        (first,) = serving(servers)
        first.process.kill()
        first.process.wait()
        assert visitor.wait(timeout=60) != 0
    assert_it_goes_on(command, saved, archive)
    assert eventually(lambda: any(map(says_206, servers)))


def test_aria2c_by_itself_gets_on_with_the_server_that_is_left(
    two_servers: tuple[str, list[Server]], archive: bytes, tmp_path: Path
) -> None:
    """It has parts from both when one of them is killed: the visitor notices nothing."""
    (url, servers), saved = two_servers, tmp_path / "saved.zip"
    with under_way([*aria2c(url, saved), "--max-tries=9", "--retry-wait=1"], saved) as visitor:
        assert len(serving(servers)) == 2
        servers[0].process.kill()
        servers[0].process.wait()
        assert visitor.wait(timeout=60) == 0
    assert saved.read_bytes() == archive


def serving(servers: list[Server]) -> list[Server]:
    """Those that somebody is connected to."""
    return [
        server
        for server in servers
        if any(connection.status == psutil.CONN_ESTABLISHED for connection in server.worker.net_connections())
    ]


def etag_of(url: str) -> str:
    command = [tool("curl"), "-sS", "--noproxy", "*", "--fail", "-I", url]
    head = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (etag,) = re.findall(r'(?im)^etag: ("\w+")\s*$', head)
    return str(etag)


# Another archive since then


@pytest.fixture
def changing(tmp_path: Path, photos: Path) -> Path:
    """An album that a test may change, in a photos directory of its own."""
    shutil.copytree(photos / ALBUM, tmp_path / "photos" / ALBUM)
    return tmp_path / "photos" / ALBUM


def rewritten(album: Path) -> None:
    """Same names, same sizes: only the time tells."""
    trees.write(album / "11.jpg", trees.noise(5 * MIB, 99), age_s=1)


def rewritten_at_its_start(album: Path) -> None:
    trees.write(album / "00.jpg", trees.noise(5 * MIB, 98), age_s=1)


def added(album: Path) -> None:
    trees.write(album / "000.jpg", trees.noise(MIB, 97))


@pytest.mark.parametrize("change", [rewritten, rewritten_at_its_start, added])
def test_never_half_of_one_archive_and_half_of_another(
    changing: Path, archive: bytes, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    saved = tmp_path / "saved.zip"
    with running_server(changing.parent, *SLOWLY) as server:
        url = server.url(LINK)
        old = etag_of(url)
        with under_way(curl(url, saved), saved):
            pass
        half = saved.read_bytes()
        assert archive.startswith(half)
        change(changing)
        with_etag = ["-H", f"If-Range: {old}"]
        assert subprocess.run([*curl(url, saved), *with_etag]).returncode == CANNOT_RESUME
        assert saved.read_bytes() == half, "and nothing was appended to it"
        command = [tool("curl"), "-sS", "--noproxy", "*", "-r", f"{len(half)}-", *with_etag, url]
        answer = subprocess.run(
            [*command, "-o", saved, "-w", "%{http_code}"], check=True, capture_output=True
        )
    assert answer.stdout == b"200"
    assert contents_of_zip(saved) == contents(changing)


def test_the_same_archive_goes_on_under_the_same_condition(
    slow_server: Server, archive: bytes, tmp_path: Path
) -> None:
    saved, url = tmp_path / "saved.zip", slow_server.url(LINK)
    with under_way(curl(url, saved), saved):
        pass
    assert_it_goes_on([*curl(url, saved), "-H", f"If-Range: {etag_of(url)}"], saved, archive)


# Changes under way: nobody may take what he got for the whole


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
    trees.write(album / faults.VICTIM, trees.noise(300_000))
    return album


def told(server: Server, album: Path) -> list[str]:
    return [line for line in server.log().splitlines() if album.name[:6] in line]


@pytest.mark.parametrize("options", [(), ("--http1.0",), ("-r", "1000000-")], ids=["whole", "old", "range"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", faults.FAULTS)
def test_a_change_under_way_breaks_the_download_off(
    server: Server,
    album: Path,
    tmp_path: Path,
    fault: Callable[[Path, Path], None],
    backend: str,
    options: tuple[str, ...],
) -> None:
    with stalled_curl(server, f"/archive/{album.name}/?format={backend}", *options) as visitor:
        fault(album, tmp_path / "outside")
        visitor.communicate(timeout=60)
        assert visitor.returncode in BROKEN_OFF
    assert eventually(lambda: told(server, album))
    (line,) = told(server, album)
    assert re.search(rf" ERROR GET /archive/{album.name[:6]}…/: cut after \d+ bytes: .+", line)


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
def test_a_change_of_the_file_being_sent_breaks_the_download_off(
    server: Server, scratch: Path, change: Callable[[Path], None], size: int, backend: str
) -> None:
    album = linked_noise(scratch / uuid.uuid4().hex, files=1, size=size)
    with stalled_curl(server, f"/archive/{album.name}/?format={backend}") as visitor:
        change(album / "0000.jpg")
        visitor.communicate(timeout=60)
        assert visitor.returncode in BROKEN_OFF
    assert eventually(lambda: told(server, album))


def test_a_change_of_what_is_not_in_the_range_breaks_a_resumed_zip_off(server: Server, album: Path) -> None:
    """What stands in the zip's directory about the first file would no longer be true."""
    first = album / "0000.jpg"
    first.unlink()
    trees.write(first, trees.noise(20 * MIB))
    with stalled_curl(server, f"/archive/{album.name}/", "-r", f"{21 * MIB}-") as visitor:
        trees.write(first, trees.noise(20 * MIB, 1), age_s=1)
        visitor.communicate(timeout=60)
        assert visitor.returncode in BROKEN_OFF
