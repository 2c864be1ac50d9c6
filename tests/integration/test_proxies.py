"""The configurations in config/ in real proxies, in front of the real service, asked by a real curl."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.proxies import PROXIES, nginx
from tests.helpers.raw_clients import zips_of
from tests.helpers.servers import Server, contents, contents_of_zip, eventually, running_server, tool

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
# More than all the buffers on the way hold, and not to be compressed, so that the program is still at work
# while a download of it is under way
ALBUM_BYTES = 64 * 1024 * 1024
UNDER_WAY = ("--limit-rate", "4M")
# https://curl.se/libcurl/c/libcurl-errors.html: partial file, receive error, HTTP/2 stream error
BROKEN = (18, 56, 92)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    album = root / ALBUM
    (album / "night").mkdir(parents=True)
    (album / "1.jpg").write_bytes(b"first")
    (album / "night" / "Сумерки.jpg").write_bytes(b"second")
    (album / "2.jpg").write_bytes(random.Random(1).randbytes(ALBUM_BYTES))
    return root


@pytest.fixture
def archiver(photos: Path) -> Iterator[Server]:
    tool("zip")
    with running_server(photos, "--backend", "zip", "--formats", "stored-zip", "--enable-logging") as server:
        yield server


@pytest.fixture(params=PROXIES)
def port(request: pytest.FixtureRequest, archiver: Server, tmp_path: Path) -> Iterator[int]:
    with PROXIES[request.param]([archiver.port], tmp_path) as port:
        yield port


def curl(port: int, path: str, *options: str | Path) -> list[str | Path]:
    return [
        tool("curl"),
        "-sS",
        "--noproxy",
        "*",
        "--max-time",
        "60",
        *options,
        f"http://127.0.0.1:{port}{path}",
    ]


@contextmanager
def download_under_way(server: Server, port: int, saved: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A curl that has got some of the archive, while the program that packs the rest is still running."""
    with subprocess.Popen(curl(port, f"/archive/{ALBUM}/", *UNDER_WAY, "-o", saved)) as client:
        try:
            assert eventually(lambda: saved.exists() and saved.stat().st_size > 0, timeout_s=30)
            assert zips_of(server)
            yield client
        finally:
            client.kill()


@pytest.mark.parametrize(
    ("port", "query"),
    [*((proxy, "?format=stored-zip") for proxy in PROXIES), ("nginx", ""), ("apache", ""), ("haproxy", "")],
    indirect=["port"],
)
def test_a_whole_archive_comes_through(port: int, query: str, photos: Path, tmp_path: Path) -> None:
    saved, head = tmp_path / "saved.zip", tmp_path / "head"
    subprocess.run(curl(port, f"/archive/{ALBUM}/{query}", "--fail", "-o", saved, "-D", head), check=True)
    assert contents_of_zip(saved) == contents(photos / ALBUM)
    assert "content-disposition: attachment" in head.read_text().lower()
    assert "content-encoding" not in head.read_text().lower()


def test_a_range_comes_through(port: int, tmp_path: Path) -> None:
    path, saved = f"/archive/{ALBUM}/?format=stored-zip", tmp_path / "range"
    status = subprocess.check_output(curl(port, path, "-r", "0-3", "-o", saved, "-w", "%{http_code}"))
    assert (status, saved.read_bytes()) == (b"206", b"PK\x03\x04")


def test_an_error_page_comes_through(port: int, archiver: Server, tmp_path: Path) -> None:
    pages = []
    for address in (port, archiver.port):
        page = tmp_path / str(address)
        status = subprocess.run(
            curl(address, "/archive/nothing-here/", "-o", page, "-w", "%{http_code} %{content_type}"),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        text, reference, _ = page.read_text().partition("Reference: ")
        assert reference
        pages.append((status, text))
    assert pages[0] == pages[1]
    assert pages[0][0].startswith("404 ")


def test_nginx_that_sets_expires_elsewhere_leaves_cache_control_as_it_is(
    archiver: Server, tmp_path: Path
) -> None:
    """Left to itself, nginx would replace it by max-age, and browsers would reuse an old archive."""
    with nginx([archiver.port], tmp_path, http="expires 30d;") as port:
        head = subprocess.check_output(curl(port, f"/archive/{ALBUM}/", "-I"), text=True).lower()
    assert "\ncache-control: private, no-cache, no-transform\n" in head
    assert head.count("cache-control") == 1
    assert "\nexpires:" not in head


# not Caddy, whose address names a host here
@pytest.mark.parametrize("port", ["nginx", "apache", "haproxy"], indirect=True)
def test_request_without_host_is_served(port: int, tmp_path: Path) -> None:
    command = curl(port, f"/archive/{ALBUM}/?format=stored-zip", "--http1.0", "-H", "Host:", "--fail", "-I")
    assert subprocess.run([*command, "-o", tmp_path / "head"]).returncode == 0


def test_oversized_header_section_does_not_mark_the_archiver_as_failed(port: int, tmp_path: Path) -> None:
    """Caddy stops using an archiver that fails for a while. haproxy rejects such a header section itself."""
    cookies = [option for name in "abcde" for option in ("-H", f"X-{name}: {'x' * 4000}")]
    command = curl(port, f"/archive/{ALBUM}/", *cookies, "-o", tmp_path / "page", "-w", "%{http_code}")
    assert subprocess.check_output(command) in (b"431", b"400")


@pytest.mark.parametrize(
    ("port", "version"),
    [
        *((proxy, "--http1.0") for proxy in PROXIES),
        ("caddy", "--http1.1"),  # as in its file
        ("caddy", "--http2-prior-knowledge"),
        ("haproxy", "--http2-prior-knowledge"),
    ],
    indirect=["port"],
)
def test_streaming_archive_with_undetectable_abort_returns_505(
    port: int, version: str, tmp_path: Path
) -> None:
    page = tmp_path / "page"
    command = curl(port, f"/archive/{ALBUM}/", version, "-o", page, "-w", "%{http_code}")
    assert subprocess.check_output(command) == b"505"
    assert "Formats that work: .zip" in page.read_text()


@pytest.mark.parametrize("port", ["nginx", "apache", "haproxy"], indirect=True)
def test_a_proxy_further_out_counts_as_well(port: int, tmp_path: Path) -> None:
    command = curl(port, f"/archive/{ALBUM}/", "-H", "Via: 1.0 outer", "-o", tmp_path / "page")
    assert subprocess.check_output([*command, "-w", "%{http_code}"]) == b"505"


# not Caddy 2.6, see config/Caddyfile
@pytest.mark.parametrize("port", ["nginx", "apache", "haproxy"], indirect=True)
def test_a_transfer_broken_in_the_middle_does_not_pass_for_a_whole_one(
    port: int, archiver: Server, tmp_path: Path
) -> None:
    with download_under_way(archiver, port, tmp_path / "saved.zip") as client:
        for program in zips_of(archiver):
            program.kill()
        assert client.wait(timeout=60) in BROKEN


def test_nor_does_one_whose_length_was_known(port: int, archiver: Server, tmp_path: Path) -> None:
    saved = tmp_path / "saved.zip"
    command = curl(port, f"/archive/{ALBUM}/?format=stored-zip", *UNDER_WAY, "-o", saved)
    with subprocess.Popen(command) as client:
        assert eventually(lambda: saved.exists() and saved.stat().st_size > 0, timeout_s=30)
        archiver.worker.kill()
        assert client.wait(timeout=60) in BROKEN


@pytest.mark.parametrize("port", ["nginx", "apache", "haproxy"], indirect=True)
def test_packing_stops_after_the_client_disconnects(port: int, archiver: Server, tmp_path: Path) -> None:
    with download_under_way(archiver, port, tmp_path / "saved.zip") as client:
        client.kill()
        assert eventually(lambda: not zips_of(archiver), timeout_s=30)


def test_download_of_known_length_ends_with_its_client(port: int, archiver: Server, tmp_path: Path) -> None:
    saved = tmp_path / "saved.zip"
    command = curl(port, f"/archive/{ALBUM}/?format=stored-zip", *UNDER_WAY, "-o", saved)
    with subprocess.Popen(command) as client:
        assert eventually(lambda: saved.exists() and saved.stat().st_size > 0)
        client.kill()
    assert eventually(lambda: " client_closed" in archiver.log())
