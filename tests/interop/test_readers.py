"""Archives as other people's programs see them: fetched from the real service, opened by their readers."""

import asyncio
import calendar
import io
import itertools
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.servers import Server, contents_of_zip, fetch, running_server, tool
from tornado_archiver.testing import trees
from tornado_archiver.testing.members import Member, differences, promised, unpacked

# Not the service's time zone: a time without one would come out hours away
ELSEWHERE = {"LC_ALL": "C.UTF-8", "TZ": "America/New_York"}
UTF_8_FLAG = 1 << 11  # APPNOTE 4.4.4
SHIFT_OF_MODE = 16  # in a zip member's external attributes, where the system they come from is unix

ZIPS = ("stored-zip", "zip")
TARS = ("tar", "tar.gz")

Reader = Callable[[Path, Path], dict[str, Member]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("trees")
    photos = base / "photos"
    photos.mkdir()
    trees.mixed(base / "mixed").rename(photos / "mixed")
    trees.hostile(base / "hostile").rename(photos / "hostile")
    trees.write(photos / "compressed" / "1.jpg", b"as if it were a picture" * 1000)
    trees.write(photos / "compressed" / "2.JPG", b"as if it were a picture" * 1000)
    trees.write(photos / "compressed" / "note.txt", b"all work and no play" * 1000)
    return photos


@pytest.fixture(scope="module")
def server(photos: Path) -> Iterator[Server]:
    tool("zip")
    with running_server(photos, "--formats", ",".join((*ZIPS, *TARS))) as server:
        yield server


def get(server: Server, album: str, backend: str) -> bytes:
    return fetch(server.port, f"/archive/{album}/?format={backend}")


# Third-party readers. Each unpacks an archive into an empty directory and returns its members.


def run(command: str, archive: Path, into: Path) -> dict[str, Member]:
    """`command` with `ARCHIVE` and `INTO` filled in."""
    places = {"ARCHIVE": str(archive), "INTO": str(into)}
    program, *arguments = (places.get(word, word) for word in command.split())
    subprocess.run(
        [tool(program), *arguments],
        check=True,
        cwd=into,
        env={**os.environ, **ELSEWHERE},
        stdout=subprocess.DEVNULL,
    )
    return unpacked(into)


def with_unzip(archive: Path, into: Path) -> dict[str, Member]:
    # -V: without it a `;` at the end of a name is taken for a version number of VMS, and dropped
    return run("unzip -q -V ARCHIVE", archive, into)


def with_7z(archive: Path, into: Path) -> dict[str, Member]:
    return run("7z x -bd ARCHIVE", archive, into)


def with_bsdtar(archive: Path, into: Path) -> dict[str, Member]:
    return run("bsdtar -xpf ARCHIVE", archive, into)


def with_gnu_tar(archive: Path, into: Path) -> dict[str, Member]:
    return run("tar -xpf ARCHIVE", archive, into)


def with_gunzip_and_7z(archive: Path, into: Path) -> dict[str, Member]:
    subprocess.run([tool("gunzip"), archive], check=True)
    return with_7z(archive.with_suffix(""), into)


def with_python_tarfile(archive: Path, into: Path) -> dict[str, Member]:
    with tarfile.open(archive) as opened:
        opened.extractall(into, filter="fully_trusted")
    return unpacked(into)


def with_python_zipfile(archive: Path, into: Path) -> dict[str, Member]:
    """It restores neither modes nor times, so the modes are those that the archive names."""
    found = {}
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            content = None if info.is_dir() else opened.read(info)
            found[info.filename] = Member(content, info.external_attr >> SHIFT_OF_MODE & 0o777, None)
    return found


@pytest.mark.parametrize("album", ["mixed", "hostile"])
@pytest.mark.parametrize(
    ("backend", "reader"),
    [
        *itertools.product(ZIPS, [with_unzip, with_7z, with_bsdtar, with_python_zipfile]),
        *itertools.product(TARS, [with_gnu_tar, with_bsdtar, with_python_tarfile]),
        ("tar", with_7z),
        ("tar.gz", with_gunzip_and_7z),
    ],
)
def test_third_party_reader_restores_the_directory(
    server: Server, photos: Path, tmp_path: Path, album: str, backend: str, reader: Reader
) -> None:
    archive, into = tmp_path / f"archive.{backend}", tmp_path / "into"
    archive.write_bytes(get(server, album, backend))
    into.mkdir()
    found = reader(archive, into)
    expected = promised(asyncio.run(trees.manifest_of(photos / album)))
    if reader is with_python_zipfile:
        expected = {name: replace(member, mtime_s=None) for name, member in expected.items()}
    assert not differences(expected, found)


# How it is packed


@pytest.mark.parametrize("backend", ZIPS)
def test_names_in_a_zip_have_the_utf_8_flag(server: Server, backend: str) -> None:
    with zipfile.ZipFile(io.BytesIO(get(server, "hostile", backend))) as opened:
        other = [info for info in opened.infolist() if not info.filename.isascii()]
    assert len(other) > 10
    assert not [info.filename for info in other if not info.flag_bits & UTF_8_FLAG]


@pytest.mark.parametrize("backend", ZIPS)
def test_times_in_a_zip_are_utc_for_readers_that_know_no_zone(
    server: Server, photos: Path, backend: str
) -> None:
    entries = asyncio.run(trees.manifest_of(photos / "mixed")).entries
    mtimes_s = {entry.member_name: entry.mtime_ns // 10**9 for entry in entries}
    with zipfile.ZipFile(io.BytesIO(get(server, "mixed", backend))) as opened:
        for info in opened.infolist():
            mtime_s = calendar.timegm((*info.date_time, 0, 0, 0))
            assert abs(mtime_s - mtimes_s[info.filename]) < 2, "it counts in steps of 2 seconds"


def test_pictures_are_stored_and_text_is_deflated(server: Server) -> None:
    with zipfile.ZipFile(io.BytesIO(get(server, "compressed", "zip"))) as opened:
        methods = {info.filename: info.compress_type for info in opened.infolist()}
    assert methods == {
        "1.jpg": zipfile.ZIP_STORED,
        "2.JPG": zipfile.ZIP_STORED,
        "note.txt": zipfile.ZIP_DEFLATED,
    }


@pytest.mark.parametrize("backend", ["zip", "tar.gz"])
def test_the_highest_level_is_smaller_than_the_lowest(tmp_path: Path, backend: str) -> None:
    words = trees.noise(1000).hex(" ", 3).split()
    text = " ".join(words[number * number % len(words)] for number in range(20_000))
    trees.write(tmp_path / "album" / "words.txt", text.encode())
    tool("zip")
    sizes = []
    for level in ("0", "9"):
        with running_server(tmp_path, "--backend", backend, "--compression-level", level) as server:
            sizes.append(len(fetch(server.port, "/archive/album/")))
    assert sizes[1] < 0.9 * sizes[0]


# Archive contents


@pytest.fixture(scope="module")
def cluttered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, and what is seldom meant to be sent along with it."""
    photos = tmp_path_factory.mktemp("cluttered")
    (photos / "other").mkdir()
    trees.write(photos / "other" / "secret.jpg", b"of another album")
    album = photos / "album"
    for name in ("1.jpg", ".hidden", ".git/config", "Thumbs.db", "__MACOSX/1.jpg", "2.jpg.filepart"):
        trees.write(album / name, name.encode())
    (album / "link.jpg").symlink_to("1.jpg")
    (album / "outside.jpg").symlink_to("../other/secret.jpg")
    (album / "outside").symlink_to("../other")
    (album / "broken.jpg").symlink_to("nothing")
    os.mkfifo(album / "pipe.jpg")
    return photos


@pytest.mark.parametrize("backend", [*ZIPS, *TARS])
@pytest.mark.parametrize(
    ("switch", "more"),
    [
        ("", {}),
        ("--include-hidden", {".hidden": b".hidden", ".git/config": b".git/config"}),
        (
            "--include-junk",
            {
                "Thumbs.db": b"Thumbs.db",
                "__MACOSX/1.jpg": b"__MACOSX/1.jpg",
                "2.jpg.filepart": b"2.jpg.filepart",
            },
        ),
        ("--follow-symlinks", {"link.jpg": b"1.jpg"}),
    ],
    ids=["nothing", "hidden", "junk", "symlinks"],
)
def test_clutter_is_packed_only_on_request(
    cluttered: Path, backend: str, switch: str, more: dict[str, bytes]
) -> None:
    tool("zip")
    with running_server(cluttered, "--backend", backend, *switch.split()) as server:
        data = fetch(server.port, "/archive/album/")
    assert files_of(data, backend) == {"1.jpg": b"1.jpg"} | more


def files_of(data: bytes, backend: str) -> dict[str, bytes]:
    if backend in ZIPS:
        return contents_of_zip(io.BytesIO(data))
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        for info in opened:
            if not info.isdir():
                file = opened.extractfile(info)
                found[info.name] = file.read() if file else b"no file"
    return found
