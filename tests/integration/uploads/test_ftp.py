"""Uploads with real FTP servers: no client gets an archive with a part of a file."""

import ftplib
import io
import os
import subprocess
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.admin_client import administered
from tests.helpers.servers import DIRECT, Server, contents, contents_of_zip, eventually, running_server, tool
from tests.integration.uploads.ftp_servers import SERVERS, FtpServer, proftpd

LINK = "/archive/album/"
PHOTO = os.urandom(400_000)
OLD_PHOTO = b"an old photo"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    album = tmp_path / "photos/album"
    album.mkdir(parents=True)
    (album / "1.jpg").write_bytes(OLD_PHOTO)
    os.utime(album / "1.jpg", (0, 0))
    return tmp_path / "photos"


@pytest.fixture(params=SERVERS, ids=lambda start: str(start.__name__))
def ftp(request: pytest.FixtureRequest, photos: Path, tmp_path: Path) -> Iterator[FtpServer]:
    with request.param(photos, tmp_path) as server:
        yield server


def get(server: Server, query: str = "") -> tuple[int, str, bytes]:
    """Return status, Retry-After and body."""
    try:
        with DIRECT.open(server.url(LINK + query), timeout=60) as response:
            return response.status, "", response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Retry-After", ""), error.read()


def assert_refused(server: Server, max_retry_after_s: int) -> None:
    for query in ("", "?format=tar.gz"):
        status, retry_after, page = get(server, query)
        assert status == 503, "an archive during an upload"
        assert 1 <= int(retry_after) <= max_retry_after_s
        assert b"Files are being uploaded" in page


def assert_whole_soon(server: Server, album: Path) -> None:
    assert eventually(lambda: get(server)[0] == 200)
    archive = contents_of_zip(io.BytesIO(get(server)[2]))
    assert archive == contents(album)
    assert archive["2.jpg"] == PHOTO


@contextmanager
def uploading(ftp: FtpServer, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Upload the photo as 2.jpg with curl, which takes about three seconds."""
    (tmp_path / "2.jpg").write_bytes(PHOTO)
    command = [tool("curl"), "--silent", "--show-error", "--limit-rate", "120k"]
    command += ["-T", str(tmp_path / "2.jpg"), ftp.url("album/2.jpg")]
    with subprocess.Popen(command) as curl:
        yield curl
    assert curl.returncode == 0


def test_slow_upload_is_refused_until_it_has_settled(ftp: FtpServer, photos: Path, tmp_path: Path) -> None:
    settings = ("--formats", "tar.gz", "--settle-time", "2s", "--enable-logging")
    with running_server(photos, *settings) as server:
        assert get(server)[0] == 200
        sizes = set()
        with uploading(ftp, tmp_path) as curl:
            assert eventually(lambda: (photos / "album/2.jpg").exists())
            while curl.poll() is None:
                assert_refused(server, 2)
                sizes.add((photos / "album/2.jpg").stat().st_size)
                time.sleep(0.1)
        assert any(0 < size < len(PHOTO) for size in sizes), "some requests met a part of the photo"
        assert_whole_soon(server, photos / "album")
        log = server.log()
    assert "upload in progress" in log
    assert not {"ERROR", "WARNING"} & set(log.split())


def test_upload_that_pauses_for_longer_than_the_settle_time_is_refused(ftp: FtpServer, photos: Path) -> None:
    with administered(photos, "--formats", "tar.gz", "--settle-time", "200ms") as admin:
        server = admin.server
        with ftp.session() as session, stored_slowly(session) as send:
            send(PHOTO[:200_000])
            photo = photos / "album/2.jpg"
            assert eventually(lambda: size_of(photo) and time.time() > photo.stat().st_mtime + 1)
            paused_at = photo.stat().st_mtime
            assert_refused(server, 1)
            assert photo.stat().st_mtime == paused_at, "the upload still pauses"
            assert admin.count("requests_refused_total", "upload in progress") == 2
            send(PHOTO[200_000:])
        assert_whole_soon(server, photos / "album")


def test_upload_with_hidden_stores_of_proftpd_does_not_refuse_the_archive(
    photos: Path, tmp_path: Path
) -> None:
    """ProFTPD writes `.in.2.jpg.` and renames it at the end."""
    with (
        proftpd(photos, tmp_path, "HiddenStores on") as ftp,
        running_server(photos, "--include-hidden", "--settle-time", "500ms") as server,
    ):
        with uploading(ftp, tmp_path) as curl:
            assert eventually(lambda: size_of(photos / "album/.in.2.jpg."))
            assert contents_of_zip(io.BytesIO(get(server)[2])) == {"1.jpg": OLD_PHOTO}
            assert curl.poll() is None, "the upload still runs"
        assert_whole_soon(server, photos / "album")


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@contextmanager
def stored_slowly(session: ftplib.FTP) -> Iterator[Callable[[bytes], None]]:
    """Return the function that sends a part of the upload."""
    session.voidcmd("TYPE I")
    with session.transfercmd("STOR album/2.jpg") as connection:
        yield connection.sendall
    session.voidresp()
