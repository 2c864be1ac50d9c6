"""Access logs of proxies with the files in config/ and docs/proxies.md: without hashes and signatures."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.proxies import apache, caddy, haproxy, nginx
from tests.helpers.raw_clients import linked_noise
from tests.helpers.servers import PROJECT, Server, eventually, running_server

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
SIGNATURE = "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab"
QUERY = f"?expires=1767225600&signature={SIGNATURE}"
REFERER = f"Referer: http://photos.test/archive/{ALBUM}/{QUERY}\r\n"
# requests whose path a proxy decodes or normalizes to an archive link
LINKS = (
    f"/archive/{ALBUM}/",
    f"/archive/{ALBUM}",
    f"/archive/{ALBUM}/holiday.zip{QUERY}",
    f"/archive/{ALBUM}/{QUERY}",
    f"//archive//{ALBUM}/{QUERY}",
    f"/%61rchive/{ALBUM}/{QUERY}",
    f"/other/../archive/{ALBUM}/{QUERY}",
    f"/archive/%35{ALBUM[1:]}/{QUERY}",
)


@pytest.fixture(scope="module")
def archiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos = tmp_path_factory.mktemp("photos")
    linked_noise(photos / ALBUM, files=1, size=1000)
    with running_server(photos) as server:
        yield server


def documented(language: str) -> str:
    """Return the code block of that language in docs/proxies.md."""
    page = (PROJECT / "docs" / "proxies.md").read_text("utf-8")
    (block,) = re.findall(f"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return str(block)


def send(port: int, target: str, version: str = "HTTP/1.1", headers: str = "") -> bytes:
    """Send one request as it is and return the whole response."""
    head = f"GET {target} {version}\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(head.encode())
        return b"".join(iter(lambda: client.recv(65536), b""))


def lines_of(log: Path, count: int) -> list[str]:
    """Return the lines of an access log once there are `count` of them."""
    assert eventually(lambda: log.exists() and len(log.read_text().splitlines()) >= count)
    return log.read_text().splitlines()


def check_lines(lines: list[str], *, shown: str = f"{ALBUM[:6]}") -> None:
    """Each line shows the first six characters of the hash, and no more of it."""
    for line in lines:
        assert f"/archive/{shown}..." in line
        assert ALBUM[:7] not in line
        assert SIGNATURE[:7] not in line


def test_nginx_log_shortens_links(archiver: Server, tmp_path: Path) -> None:
    with nginx([archiver.port], tmp_path, http="log_format dummy 'x';") as port:
        before = len(lines_of(tmp_path / "access.log", 1))  # of the helper that waits for nginx
        for link in LINKS:
            assert send(port, link, headers=REFERER).startswith(b"HTTP/1.1 ")
        lines = lines_of(tmp_path / "access.log", before + len(LINKS))[before:]
    check_lines(lines)
    assert lines[0].split('"')[1] == "GET /archive/5f2c1e... HTTP/1.1"


@pytest.mark.parametrize(
    ("version", "headers", "status"),
    [("HTTP/9.9", "", "505"), ("FTP/1.1", "", "400"), ("HTTP/1.1", f"X: {'x' * 40_000}\r\n", "400")],
    ids=["version", "protocol", "header section"],
)
def test_nginx_log_shortens_links_of_rejected_requests(
    archiver: Server, tmp_path: Path, version: str, headers: str, status: str
) -> None:
    """nginx does not choose a location for them, so the format of the server block applies."""
    with nginx([archiver.port], tmp_path) as port:
        before = len(lines_of(tmp_path / "access.log", 1))
        send(port, LINKS[3], version, headers)
        (line,) = lines_of(tmp_path / "access.log", before + 1)[before:]
    assert ALBUM[:7] not in line
    assert SIGNATURE[:7] not in line
    assert f'" {status} ' in line


def test_nginx_log_leaves_other_requests_as_they_are(archiver: Server, tmp_path: Path) -> None:
    with nginx([archiver.port], tmp_path) as port:
        before = len(lines_of(tmp_path / "access.log", 1))
        send(
            port, "/page.html?album=1", headers="Referer: http://photos.test/list\r\nUser-Agent: Browser\r\n"
        )
        (line,) = lines_of(tmp_path / "access.log", before + 1)[before:]
    assert '"GET /page.html?album=1 HTTP/1.1" 404 ' in line
    assert '"http://photos.test/list" "Browser" ' in line


def test_apache_log_shortens_links(archiver: Server, tmp_path: Path) -> None:
    site = 'CustomLog ${APACHE_LOG_DIR}/site.log "%r" env=!archive_hash\n'
    with apache([archiver.port], tmp_path, site) as port:
        for link in LINKS:
            assert send(port, link, headers=REFERER).startswith(b"HTTP/1.1 ")
        send(port, "/page.html?album=1")
        lines = lines_of(tmp_path / "access.log", len(LINKS))
        others = lines_of(tmp_path / "site.log", 2)
    check_lines(lines)
    assert "GET /page.html?album=1 HTTP/1.1" in others
    assert ALBUM[:7] not in "".join(others)


def test_apache_that_sets_expires_elsewhere_leaves_cache_control_as_it_is(
    archiver: Server, tmp_path: Path
) -> None:
    site = 'ExpiresActive On\nExpiresDefault "access plus 30 days"\n'
    with apache([archiver.port], tmp_path, site) as port:
        head = send(port, f"/archive/{ALBUM}/").split(b"\r\n\r\n")[0].decode().lower()
    assert "\r\ncache-control: private, no-cache, no-transform\r\n" in f"{head}\r\n"
    assert "\r\nexpires:" not in head


def test_haproxy_log_shortens_links(archiver: Server, tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(60)
        lines = documented("haproxy").replace("/dev/log", f"127.0.0.1:{syslog.getsockname()[1]}")
        with haproxy([archiver.port], tmp_path, lines) as port:
            while b" GET - HTTP" not in syslog.recv(65536):  # of the helper that waits for haproxy
                pass
            for link in LINKS:
                send(port, link, headers=REFERER)
            received = [syslog.recv(65536).decode() for _ in LINKS]
    assert ALBUM[:7] not in "".join(received)
    assert SIGNATURE[:7] not in "".join(received)
    assert "GET /archive/5f2c1e... HTTP/1.1" in received[0]


def test_caddy_log_shortens_links(archiver: Server, tmp_path: Path) -> None:
    lines = documented("caddy").replace("/var/log/caddy", str(tmp_path))
    with caddy([archiver.port], tmp_path, lines) as port:
        before = len(lines_of(tmp_path / "access.log", 1))
        for link in LINKS:
            send(port, link, headers=REFERER)
        received = lines_of(tmp_path / "access.log", before + len(LINKS))[before:]
    assert ALBUM[:7] not in "".join(received)
    assert SIGNATURE[:7] not in "".join(received)
    assert json.loads(received[0])["request"]["uri"] == "/archive/5f2c1e..."
