"""The service on a Unix socket: curl and a real nginx as clients, stale files, the end, reload."""

import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.proxies import nginx_with
from tests.helpers.raw_clients import linked_noise, request, rest_of, zips_of
from tests.helpers.servers import (
    Server,
    contents,
    contents_of_zip,
    eventually,
    fetch,
    free_port,
    running_server,
    tool,
)

LINK = "/archive/album/"
FORMATS = ("stored-zip", "tar", "zip", "tar.gz")
# https://curl.se/libcurl/c/libcurl-errors.html: partial file, receive error
BROKEN = (18, 56)
NGINX = """
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://unix:{path};
        {version}
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_buffering off;
    }}
}}
"""
HTTP_1_1 = "proxy_http_version 1.1;"


@dataclass(frozen=True, slots=True)
class UnixServer:
    """A server that also listens on the Unix socket `path`."""

    server: Server
    path: Path

    def curl(self, link: str, *options: str | Path) -> list[str | Path]:
        return [
            tool("curl"),
            "-sS",
            "--max-time",
            "60",
            "--unix-socket",
            self.path,
            *options,
            f"http://x{link}",
        ]

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(str(self.path))
        return client


@contextmanager
def unix_server(photos: Path, path: Path, *args: str) -> Iterator[UnixServer]:
    with running_server(photos, "--host", f"127.0.0.1,unix:{path}", *args) as server:
        yield UnixServer(server, path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    linked_noise(photos / "album", files=64, size=1024 * 1024)
    linked_noise(photos / "small", files=3, size=1000)
    return photos


@pytest.fixture
def unix(photos: Path, tmp_path: Path) -> Iterator[UnixServer]:
    tool("zip")
    options = ("--formats", ",".join(FORMATS), "--enable-logging", "--log-format", "json")
    with unix_server(photos, tmp_path / "a.sock", *options) as server:
        yield server


def test_archive_over_unix_socket_equals_that_over_tcp(unix: UnixServer, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    subprocess.run(unix.curl(LINK, "-f", "-o", saved), check=True)
    assert saved.read_bytes() == fetch(unix.server.port, LINK)
    assert f"listening on unix:{unix.path}" in unix.server.log()


@pytest.mark.parametrize("archive_format", FORMATS)
def test_archive_is_complete_and_can_be_resumed(
    unix: UnixServer, photos: Path, tmp_path: Path, archive_format: str
) -> None:
    saved, link = tmp_path / "saved", f"/archive/small/?format={archive_format}"
    subprocess.run(unix.curl(link, "-f", "-o", saved), check=True)
    if "zip" in archive_format:
        assert contents_of_zip(saved) == contents(photos / "small")
    if archive_format in ("stored-zip", "tar"):
        part = subprocess.check_output(unix.curl(link, "-r", "100-"))
        assert part == saved.read_bytes()[100:]


@pytest.mark.parametrize(
    ("forwarded_for", "client"), [("", "unix"), ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1")]
)
@pytest.mark.parametrize("trusted", ["10.0.0.0/8", "127.0.0.1"])
def test_peer_of_unix_socket_is_a_trusted_proxy(
    photos: Path, tmp_path: Path, forwarded_for: str, client: str, trusted: str
) -> None:
    options = ("--trusted-proxies", trusted, "--enable-logging", "--log-format", "json")
    with unix_server(photos, tmp_path / "a.sock", *options) as unix, unix.connect() as peer:
        peer.sendall(request("/archive/small/", headers=f"{forwarded_for}Connection: close\r\n"))
        assert rest_of(peer).startswith(b"HTTP/1.1 200 ")
        assert [line["client"] for line in logged(unix.server, "small")] == [client]
        assert "untrusted proxy" not in unix.server.log()


def logged(server: Server, text: str) -> list[dict[str, str]]:
    """Return the access log lines that contain the text, of which there is at least one."""

    def lines() -> list[str]:
        return [line for line in server.log().splitlines() if text in line and '"outcome"' in line]

    assert eventually(lines)
    return [json.loads(line) for line in lines()]


def test_limit_per_client_counts_all_direct_clients_as_one(photos: Path, tmp_path: Path) -> None:
    options = ("--max-downloads-per-client", "1", "--queue-timeout", "0")
    with unix_server(photos, tmp_path / "a.sock", *options) as unix, unix.connect() as slow:
        slow.sendall(request(LINK))
        assert slow.recv(12) == b"HTTP/1.1 200"
        assert subprocess.check_output(unix.curl(LINK, "-o", "/dev/null", "-w", "%{http_code}")) == b"503"
        other = unix.curl(LINK, "-f", "-o", "/dev/null", "-H", "X-Forwarded-For: 192.0.2.7")
        subprocess.run(other, check=True)


# Aborts


@pytest.mark.parametrize("archive_format", FORMATS)
def test_abort_is_an_error_for_curl(unix: UnixServer, tmp_path: Path, archive_format: str) -> None:
    command = unix.curl(f"{LINK}?format={archive_format}", "--limit-rate", "2M", "-o", tmp_path / "saved")
    assert_abort_is_seen(unix, command, tmp_path / "saved")


@pytest.mark.parametrize("version", [HTTP_1_1, ""], ids=["1.1", "1.0"])
@pytest.mark.parametrize("archive_format", FORMATS)
def test_abort_behind_nginx_is_an_error_or_the_archive_is_refused(
    unix: UnixServer, tmp_path: Path, archive_format: str, version: str
) -> None:
    """HTTP/1.0 over a Unix socket cannot show the abort of an archive of unknown length."""
    saved, port = tmp_path / "saved", free_port()
    link = f"http://127.0.0.1:{port}{LINK}?format={archive_format}"
    command: list[str | Path] = [tool("curl"), "-sS", "--noproxy", "*", "--limit-rate", "2M"]
    command += ["-o", saved, link]
    with nginx_with(NGINX.format(port=port, path=unix.path, version=version), port, tmp_path):
        if version or archive_format in ("stored-zip", "tar"):
            assert_abort_is_seen(unix, command, saved)
        else:
            assert subprocess.check_output([*command, "-w", "%{http_code}"]) == b"505"


def assert_abort_is_seen(unix: UnixServer, command: Sequence[str | Path], saved: Path) -> None:
    """The download is aborted by a second SIGTERM."""
    with subprocess.Popen(command) as client:
        assert eventually(lambda: saved.exists() and saved.stat().st_size > 0)
        unix.server.process.terminate()
        assert eventually(lambda: "shutting down" in unix.server.log())
        unix.server.process.terminate()
        assert client.wait(timeout=60) in BROKEN


@pytest.mark.parametrize("archive_format", ["zip", "tar.gz"])
def test_streaming_archive_over_http_1_0_is_refused(unix: UnixServer, archive_format: str) -> None:
    with unix.connect() as client:
        client.sendall(request(f"{LINK}?format={archive_format}", version="1.0"))
        assert rest_of(client).startswith(b"HTTP/1.1 505 ")


def test_failing_program_is_an_error_for_the_client(unix: UnixServer, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    with subprocess.Popen(unix.curl(f"{LINK}?format=zip", "--limit-rate", "2M", "-o", saved)) as client:
        assert eventually(lambda: saved.exists() and saved.stat().st_size > 0)
        for program in zips_of(unix.server):
            program.kill()
        assert client.wait(timeout=60) in BROKEN


@pytest.mark.parametrize("archive_format", ["stored-zip", "zip"])
def test_client_that_reads_nothing_is_aborted(photos: Path, tmp_path: Path, archive_format: str) -> None:
    tool("zip")
    options = ("--stall-timeout", "2", "--backend", archive_format, "--enable-logging")
    with unix_server(photos, tmp_path / "a.sock", *options) as unix, unix.connect() as client:
        client.sendall(request(LINK))
        assert eventually(lambda: "send_timeout" in unix.server.log())


@pytest.mark.parametrize("archive_format", FORMATS)
def test_client_that_disconnects_is_logged(unix: UnixServer, archive_format: str) -> None:
    with unix.connect() as client:
        client.sendall(request(f"{LINK}?format={archive_format}"))
        assert client.recv(12) == b"HTTP/1.1 200"
    assert [line["outcome"] for line in logged(unix.server, "album")] == ["client_closed"]


def test_oversized_header_section_is_answered(unix: UnixServer) -> None:
    with unix.connect() as client:
        client.sendall(request("/", headers=f"X: {'x' * 20_000}\r\n"))
        assert rest_of(client).startswith(b"HTTP/1.1 431 ")
