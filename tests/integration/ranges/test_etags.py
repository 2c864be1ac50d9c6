"""Which archive it is: another etag for each change, the same one from every server."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from tests.helpers.servers import fetch, running_server
from tests.integration.ranges.album import ALBUM, LINK, PLANNED, get, head_of
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.settings.options import Settings
from tornado_archiver.testing import trees

pytestmark = pytest.mark.gen_test(timeout=30)


def added(album: Path) -> None:
    trees.write(album / "3.jpg", b"one more")


def renamed(album: Path) -> None:
    (album / "1.jpg").rename(album / "0.jpg")


def moved(album: Path) -> None:
    (album / "1.jpg").rename(album / "small" / "1.jpg")


def touched(album: Path) -> None:
    status = (album / "1.jpg").stat()
    os.utime(album / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def made_executable(album: Path) -> None:
    (album / "1.jpg").chmod(0o755)


def resized(album: Path) -> None:
    status = (album / "1.jpg").stat()
    os.truncate(album / "1.jpg", status.st_size - 1)
    os.utime(album / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))


def removed(album: Path) -> None:
    (album / "empty.txt").unlink()


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("change", [added, renamed, moved, touched, made_executable, resized, removed])
async def test_source_change_changes_the_etag(
    base_url: str, photos: Path, change: Callable[[Path], None]
) -> None:
    before = head_of(await get(base_url, method="HEAD"))["Etag"]
    kept = photos / ".kept"
    shutil.copytree(photos / ALBUM, kept)
    try:
        change(photos / ALBUM)
        assert head_of(await get(base_url, method="HEAD"))["Etag"] != before
        answer = await get(base_url, f"Range: bytes=5-\r\nIf-Range: {before}\r\n")
        assert answer.status == 200
    finally:
        shutil.rmtree(photos / ALBUM)
        kept.rename(photos / ALBUM)
    assert head_of(await get(base_url, method="HEAD"))["Etag"] == before, "the same again, the same etag"


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("backend", ["stored-zip"], indirect=True)
async def test_change_of_skipped_files_keeps_the_etag(base_url: str, photos: Path) -> None:
    before = head_of(await get(base_url, method="HEAD"))["Etag"]
    junk = photos / ALBUM / "Thumbs.db"
    junk.touch()
    try:
        assert head_of(await get(base_url, method="HEAD"))["Etag"] == before
    finally:
        junk.unlink()


@pytest.mark.usefixtures("http_server")
async def test_formats_have_different_etags(
    io_loop: IOLoop, photos: Path, base_url: str, backend: str
) -> None:
    (other,) = set(PLANNED) - {backend}
    service = await create_services(Settings(photos_dir=photos, backend=other, settle_time=0))
    archive = await service.backends[0].open(await service.storage.scan(ALBUM))
    assert f'"{archive.info.etag}"' != head_of(await get(base_url, method="HEAD"))["Etag"]


def test_two_servers_return_the_same_archive(photos: Path, tmp_path: Path, backend: str) -> None:
    """Also from a copy of the directory, on another disk or host, in another time zone."""
    shutil.copytree(photos / ALBUM, tmp_path / "copy" / ALBUM)
    there = {"TZ": "Asia/Yekaterinburg", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    with (
        running_server(photos, "--backend", backend) as one,
        running_server(tmp_path / "copy", "--backend", backend, env=there) as other,
    ):
        heads = [asyncio.run(get(server.url(), method="HEAD")) for server in (one, other)]
        assert head_of(heads[0])["Etag"] == head_of(heads[1])["Etag"]
        assert fetch(one.port, LINK) == fetch(other.port, LINK)
