"""Downloads that break off in the middle and go on later: real clients against real servers."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.proxies import nginx
from tests.helpers.resume_clients import (
    ALBUM,
    CLIENTS,
    LINK,
    MIB,
    Client,
    aria2c,
    assert_it_goes_on,
    curl,
    etag_of,
    logged_206,
    serving,
    under_way,
    wget,
)
from tests.helpers.servers import Server, contents, contents_of_zip, eventually, fetch, running_server, tool
from tests.integration.test_drain import is_refusing
from tornado_archiver.testing import trees

CANNOT_RESUME = 33  # https://curl.se/libcurl/c/libcurl-errors.html: CURLE_RANGE_ERROR
# A pause before each of a thousand chunks, so that there is time to break a download off in its middle
SLOWLY = ("--enable-response-delay", "--response-delay", "2ms", "--enable-logging")


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


# The same again


@pytest.mark.parametrize("client", CLIENTS)
def test_client_resumes_an_interrupted_download(
    slow_server: Server, archive: bytes, tmp_path: Path, client: Client
) -> None:
    saved = tmp_path / "saved.zip"
    command = client(slow_server.url(LINK), saved)
    with under_way(command, saved) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) != 0
    assert_it_goes_on(command, saved, archive)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
@pytest.mark.parametrize("client", CLIENTS)
def test_client_resumes_after_a_restart(
    photos: Path, archive: bytes, tmp_path: Path, client: Client, stop: signal.Signals
) -> None:
    saved = tmp_path / "saved.zip"
    with running_server(photos, *SLOWLY, "--drain-timeout", "0") as server:
        command = client(server.url(LINK), saved)
        with under_way(command, saved) as process:
            server.process.send_signal(stop)
            server.process.wait(timeout=20)
            assert process.wait(timeout=60) != 0
    with running_server(photos, *SLOWLY, port=server.port) as server:
        assert_it_goes_on(command, saved, archive)
        assert eventually(lambda: logged_206(server))


@pytest.mark.parametrize("client", CLIENTS)
def test_client_resumes_after_a_worker_was_killed(
    photos: Path, archive: bytes, tmp_path: Path, client: Client
) -> None:
    saved = tmp_path / "saved.zip"
    with running_server(photos, *SLOWLY) as server:
        command = client(server.url(LINK), saved)
        with under_way(command, saved) as process:
            server.worker.kill()
            assert process.wait(timeout=60) != 0
        assert_it_goes_on(command, saved, archive)


def test_wget_resumes_automatically_after_a_restart(photos: Path, archive: bytes, tmp_path: Path) -> None:
    """Its own tries, one command: the client notices nothing."""
    saved, retry_options = tmp_path / "saved.zip", ["--tries=60", "--waitretry=1", "--retry-connrefused"]
    with (
        running_server(photos, *SLOWLY) as server,
        under_way([*wget(server.url(LINK), saved), *retry_options], saved) as process,
    ):
        server.process.kill()
        server.process.wait()
        assert eventually(lambda: is_refusing(server), timeout_s=30), "its orphan has left the address, too"
        with running_server(photos, *SLOWLY, port=server.port):
            assert process.wait(timeout=60) == 0
    assert saved.read_bytes() == archive


def test_resumed_archive_opens(archive: bytes, photos: Path, tmp_path: Path) -> None:
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
def test_client_resumes_from_another_server(
    two_servers: tuple[str, list[Server]], archive: bytes, tmp_path: Path, client: Client
) -> None:
    (url, servers), saved = two_servers, tmp_path / "saved.zip"
    command = client(url, saved)
    with under_way(command, saved) as process:
        (first,) = serving(servers)
        first.process.kill()
        first.process.wait()
        assert process.wait(timeout=60) != 0
    assert_it_goes_on(command, saved, archive)
    assert eventually(lambda: any(map(logged_206, servers)))


def test_aria2c_continues_automatically_with_the_remaining_server(
    two_servers: tuple[str, list[Server]], archive: bytes, tmp_path: Path
) -> None:
    """It has parts from both when one of them is killed: the client notices nothing."""
    (url, servers), saved = two_servers, tmp_path / "saved.zip"
    with under_way([*aria2c(url, saved), "--max-tries=9", "--retry-wait=1"], saved) as process:
        assert len(serving(servers)) == 2
        servers[0].process.kill()
        servers[0].process.wait()
        assert process.wait(timeout=60) == 0
    assert saved.read_bytes() == archive


# Another archive since then


@pytest.fixture
def changing(tmp_path: Path, photos: Path) -> Path:
    """An album that a test may change, in a separate photos directory."""
    shutil.copytree(photos / ALBUM, tmp_path / "photos" / ALBUM)
    return tmp_path / "photos" / ALBUM


def rewritten(album: Path) -> None:
    """The same names and sizes; only the time differs."""
    trees.write(album / "11.jpg", trees.noise(5 * MIB, 99), age_s=1)


def rewritten_at_its_start(album: Path) -> None:
    trees.write(album / "00.jpg", trees.noise(5 * MIB, 98), age_s=1)


def added(album: Path) -> None:
    trees.write(album / "000.jpg", trees.noise(MIB, 97))


@pytest.mark.parametrize("change", [rewritten, rewritten_at_its_start, added])
def test_resume_never_mixes_two_archives(
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


def test_resume_of_unchanged_archive_continues(slow_server: Server, archive: bytes, tmp_path: Path) -> None:
    saved, url = tmp_path / "saved.zip", slow_server.url(LINK)
    with under_way(curl(url, saved), saved):
        pass
    assert_it_goes_on([*curl(url, saved), "-H", f"If-Range: {etag_of(url)}"], saved, archive)
