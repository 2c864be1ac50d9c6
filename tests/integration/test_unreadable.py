"""Albums with unreadable files: the response under each policy."""

import io
import os
import re
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.client import HTTPResponse
from pathlib import Path
from typing import cast

import pytest

from tests.helpers.raw_clients import BROKEN_OFF, linked_noise, stalled_curl
from tests.helpers.servers import (
    DIRECT,
    Server,
    contents,
    contents_of_zip,
    eventually,
    fetch,
    running_server,
    tool,
)
from tests.helpers.unprivileged import unprivileged_command
from tornado_archiver.testing import faults, trees

BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
RESUMABLE = ("stored-zip", "tar")
ALBUM = "9d1e5f2c1e0b4d3c8f6a1b2c3d4e5f60"
LEFT_OUT = ("holiday/2.jpg", "private/", "secret.txt")
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("photos")
    for number in range(1, 5):
        trees.write(root / ALBUM / f"holiday/{number}.jpg", trees.noise(MIB, number), age_s=number)
    trees.write(root / ALBUM / "text.txt", b"all work and no play\n" * 10_000)
    trees.write(root / ALBUM / "private/diary.txt", b"dear diary")
    trees.write(root / ALBUM / "secret.txt", b"secret")
    for name in LEFT_OUT:
        (root / ALBUM / name).chmod(0)
    yield root
    (root / ALBUM / "private").chmod(0o755)


@pytest.fixture(scope="module")
def expected(photos: Path) -> dict[str, bytes]:
    report = "These files and directories are missing from this archive, because they could not be read:\n"
    report += "".join(f"{name}\n" for name in LEFT_OUT)
    names = ("holiday/1.jpg", "holiday/3.jpg", "holiday/4.jpg", "text.txt")
    return {
        "UNREADABLE.txt": report.encode(),
        **{name: (photos / ALBUM / name).read_bytes() for name in names},
    }


def unprivileged_server(photos: Path, policy: str) -> AbstractContextManager[Server]:
    arguments = ("--formats", ",".join(BACKENDS), "--on-unreadable", policy)
    return running_server(photos, *arguments, launcher=unprivileged_command())


@pytest.fixture(scope="module")
def server(photos: Path) -> Iterator[Server]:
    """One that reports."""
    with unprivileged_server(photos, "report") as server:
        yield server


@pytest.fixture(scope="module")
def strict_server(photos: Path) -> Iterator[Server]:
    with unprivileged_server(photos, "abort") as server:
        yield server


def link(backend: str, album: str = ALBUM) -> str:
    return f"/archive/{album}/?format={backend}"


def ask(server: Server, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
    asked = urllib.request.Request(server.url(path), headers=headers)
    with DIRECT.open(asked, timeout=60) as answer:
        return cast(HTTPResponse, answer), answer.read()


def members(backend: str, archive: bytes) -> dict[str, bytes]:
    if "zip" in backend:
        return contents_of_zip(io.BytesIO(archive))
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        files = [member for member in opened.getmembers() if member.isfile()]
        return {member.name: cast(io.BufferedReader, opened.extractfile(member)).read() for member in files}


# report


@pytest.mark.parametrize("backend", BACKENDS)
def test_archive_has_readable_files_and_lists_the_others(
    server: Server, backend: str, expected: dict[str, bytes]
) -> None:
    assert members(backend, fetch(server.port, link(backend))) == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_archive_with_report_passes_other_programs(server: Server, backend: str, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(fetch(server.port, link(backend)))
    command = [tool("unzip"), "-tqq"] if "zip" in backend else [tool("tar"), "-tf"]
    done = subprocess.run([*command, archive], check=True, capture_output=True)
    assert not done.stderr


@pytest.mark.parametrize("backend", RESUMABLE)
def test_archive_with_report_has_correct_length_and_ranges(server: Server, backend: str) -> None:
    answer, whole = ask(server, link(backend))
    assert int(answer.headers["Content-Length"]) == len(whole)
    at = whole.index(b"These files")
    for start, stop in ((0, 1), (at - 1, at + 30), (at + 5, at + MIB), (len(whole) - 1, len(whole))):
        answer, part = ask(server, link(backend), Range=f"bytes={start}-{stop - 1}")
        assert answer.status == 206
        assert part == whole[start:stop]


@pytest.mark.parametrize("backend", RESUMABLE)
def test_archive_with_report_resumes_after_a_restart(
    server: Server, photos: Path, backend: str, tmp_path: Path
) -> None:
    answer, whole = ask(server, link(backend))
    saved = tmp_path / "saved"
    saved.write_bytes(whole[: MIB + 123])
    with unprivileged_server(photos, "report") as restarted:
        again, _ = ask(restarted, link(backend))
        assert again.headers["ETag"] == answer.headers["ETag"]
        condition = f"If-Range: {answer.headers['ETag']}"
        command = [tool("curl"), "-sS", "--noproxy", "*", "--fail", "-C", "-", "-H", condition]
        subprocess.run([*command, "-o", saved, restarted.url(link(backend))], check=True)
    assert saved.read_bytes() == whole


def test_archive_changes_when_all_files_become_readable(server: Server, photos: Path) -> None:
    if not os.access(photos / ALBUM / "secret.txt", os.R_OK):
        pytest.skip("only root may read it")
    part, _ = ask(server, link("stored-zip"))
    with running_server(photos) as trusted:
        answer, archive = ask(
            trusted, link("stored-zip"), Range="bytes=9-", **{"If-Range": part.headers["ETag"]}
        )
    assert answer.status == 200
    assert members("stored-zip", archive) == contents(photos / ALBUM)


def test_unreadable_files_are_logged_once_without_the_hash(photos: Path) -> None:
    with unprivileged_server(photos, "report") as server:
        fetch(server.port, link("tar"))
        (line,) = (line for line in server.log().splitlines() if "skipped" in line)
    assert "WARNING '9d1e5f…': skipped (unreadable): " in line
    assert all(f"'{name}'" in line for name in LEFT_OUT)
    assert ALBUM not in line
    assert str(photos) not in line


def test_album_without_readable_files_returns_500(server: Server, photos: Path) -> None:
    album = photos / uuid.uuid4().hex
    trees.write(album / "1.jpg", b"one", mode=0)
    assert_refused(server, album)


# abort


def assert_refused(server: Server, album: Path, backend: str = "stored-zip") -> None:
    """The log has one line with the reason and without the hash."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(server.port, link(backend, album.name))
    assert caught.value.code == 500
    assert b"jpg" not in caught.value.read()
    caught.value.close()
    (line,) = (line for line in server.log().splitlines() if album.name[:6] in line)
    assert re.search(r" ERROR GET .*('b/' cannot|'b.jpg' cannot|no file can) be read", line)
    assert album.name not in line


@pytest.mark.parametrize("name", ["b.jpg", "b"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_unreadable_file_returns_500_before_the_first_byte(
    strict_server: Server, photos: Path, backend: str, name: str
) -> None:
    album = photos / uuid.uuid4().hex
    trees.write(album / "a.jpg", b"a")
    trees.write(album / "b.jpg", b"b")
    trees.write(album / "b/c.jpg", b"c")
    (album / name).chmod(0)
    assert_refused(strict_server, album, backend)
    (album / name).chmod(0o755)
    shutil.rmtree(album)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB for the price of one."""
    return linked_noise(tmp_path_factory.mktemp("noise") / "album", files=64, size=MIB)


@pytest.mark.parametrize("http_version", ["--http1.1", "--http1.0"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("policy", ["abort", "report"])
def test_file_that_becomes_unreadable_aborts_the_download(
    request: pytest.FixtureRequest,
    photos: Path,
    noise: Path,
    backend: str,
    policy: str,
    http_version: str,
) -> None:
    server = request.getfixturevalue("server" if policy == "report" else "strict_server")
    album = photos / uuid.uuid4().hex
    shutil.copytree(noise, album, copy_function=os.link)
    trees.write(album / faults.TARGET, trees.noise(300_000))
    with stalled_curl(server, link(backend, album.name), http_version) as client:
        (album / faults.TARGET).chmod(0)
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
    assert eventually(lambda: album.name[:6] in server.log())
