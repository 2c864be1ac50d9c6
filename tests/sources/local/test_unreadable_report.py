"""The report of unreadable files, as a member of the archive: validators, bytes, readers."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.helpers.servers import tool
from tests.helpers.unprivileged import unprivileged
from tests.helpers.unprivileged_storage import (
    HEADLINE,
    manifest,
    names,
    report_of,
    text_of,
)
from tornado_archiver.backend import ArchiveInfo, Backend, BackendOptions, ByteRange
from tornado_archiver.backends.tar.compressed import TarGz
from tornado_archiver.backends.tar.plain import Tar
from tornado_archiver.backends.zip.infozip import InfoZip
from tornado_archiver.backends.zip.stored import StoredZip
from tornado_archiver.errors import SourceChangedError, SourceUnreadableError
from tornado_archiver.source import Manifest, Reader, read_chunk
from tornado_archiver.sources.local.unreadable import REPORT_NAME
from tornado_archiver.testing import trees
from tornado_archiver.testing.members import Member, unpacked
from tornado_archiver.testing.probes import ResourceSnapshot, nothing_left_open

BACKENDS = (
    StoredZip(BackendOptions()),
    StoredZip(BackendOptions(stored_threshold=0)),
    Tar(BackendOptions()),
    InfoZip(BackendOptions()),
    TarGz(BackendOptions()),
)
PLANNED = BACKENDS[:3]
MANY = [f"{number:03}{'n' * 240}.jpg" for number in range(800)]  # a report of more than is read in one go


def info(found: Manifest, backend: Backend = PLANNED[0]) -> ArchiveInfo:
    async def opened() -> ArchiveInfo:
        return (await backend.open(found)).info

    return asyncio.run(opened())


def packed(found: Manifest, backend: Backend, wanted: ByteRange | None = None) -> bytes:
    async def taken() -> bytes:
        archive = await backend.open(found)
        before = ResourceSnapshot.now()
        async with aclosing(archive.chunks(wanted)) as chunks:
            data = b"".join([read_chunk(chunk) async for chunk in chunks])
        before.assert_unchanged()
        return data

    return asyncio.run(taken())


# Its validators


def test_report_of_a_copied_directory_is_the_same(album: Path, photos: Path) -> None:
    copy = shutil.copytree(album, photos / "copy")
    for host in (album, copy):
        (host / "z.txt").chmod(0)
    assert manifest(album).entries == manifest(copy).entries
    assert info(manifest(album)).etag == info(manifest(copy)).etag


def test_report_time_is_the_newest_of_the_directory(album: Path) -> None:
    (album / "b/3.jpg").chmod(0)
    assert report_of(manifest(album)).mtime_ns // 10**9 == trees.MTIME_S + 7


@pytest.mark.parametrize("backend", PLANNED)
def test_etag_after_a_change_of_the_list_differs(album: Path, backend: Backend) -> None:
    """Here all that is packed keeps its name, size, time and mode, and the report its size."""
    (album / "z.txt").chmod(0)
    before = manifest(album)
    (album / "z.txt").rename(album / "y.txt")
    after = manifest(album)
    assert names(before) == names(after)
    assert [entry.size for entry in before.entries] == [entry.size for entry in after.entries]
    assert text_of(before) != text_of(after)
    assert info(before, backend).etag != info(after, backend).etag


def test_etag_after_a_change_of_the_files_left_out_differs(album: Path) -> None:
    twins = album / "y.txt", album / "z.txt"
    twins[0].write_bytes(b"last")
    tags = set()
    for twin in twins:
        shutil.copystat(album / "1.jpg", twin)
    for twin in twins:
        twin.chmod(0)
        tags.add(info(manifest(album)).etag)
        twin.chmod(0o644)
    assert len(tags) == 2


def test_manifest_with_a_report_has_no_last_modified(album: Path) -> None:
    """Rights of the service do not show in the time of a file."""
    (album / "z.txt").chmod(0)
    assert info(manifest(album)).last_modified is None


# How it is read


@pytest.fixture
def long_report(album: Path) -> Manifest:
    for name in MANY:
        (album / name).touch(0)
        (album / name).chmod(0)
    return manifest(album)


@pytest.fixture
def reader(long_report: Manifest) -> Iterator[Reader]:
    with nothing_left_open(), long_report.source.reader() as reader:
        yield reader


def test_report_is_read_like_any_file(reader: Reader, long_report: Manifest) -> None:
    report = report_of(long_report)
    expected = (HEADLINE + "".join(f"{name}\n" for name in MANY)).encode()
    assert report.size == len(expected)
    for _ in range(2):
        assert b"".join(map(bytes, reader.iter_blocks(report, 1000))) == expected
        assert reader.read_all(report) == expected
    reader.verify(long_report.entries)


def test_report_opened_twice_has_the_same_content(reader: Reader, long_report: Manifest) -> None:
    report = report_of(long_report)
    first, second = reader.open_file(report), reader.open_file(report)
    assert first.cache_key == second.cache_key
    assert first.read(3, 100) == read_chunk(second.slice(b"", 3, 100)) == reader.read_all(report)[3:100]
    first.verify()
    first.close()
    second.close()


def test_report_in_a_second_reader_has_the_same_identity(reader: Reader, long_report: Manifest) -> None:
    """A download that goes on after a pause opens it again, and refuses a file that was replaced."""
    report = report_of(long_report)
    with long_report.source.reader() as other:
        first, second = reader.open_file(report), other.open_file(report)
        assert first.cache_key == second.cache_key
        first.close()
        second.close()


def test_other_files_are_read_from_the_disk(reader: Reader, long_report: Manifest, album: Path) -> None:
    found = {entry.member_name: entry for entry in long_report.entries}
    assert reader.read_all(found["z.txt"]) == b"last"
    (album / "z.txt").write_bytes(b"changed")
    for read in (reader.read_all, reader.open_file, lambda entry: reader.verify([entry])):
        with pytest.raises(SourceChangedError):
            read(found["z.txt"])


def test_file_that_becomes_unreadable_later_raises(album: Path) -> None:
    (album / "z.txt").chmod(0)
    found = manifest(album)
    (album / "1.jpg").chmod(0)
    with found.source.reader() as reader, unprivileged(), pytest.raises(SourceUnreadableError):
        reader.read_all(found.entries[0])


# How it is packed


@pytest.mark.parametrize("backend", BACKENDS)
def test_report_is_packed_like_any_member(backend: Backend, album: Path, tmp_path: Path) -> None:
    (album / "b").chmod(0)
    found = manifest(album)
    (album / "b").chmod(0o755)
    if backend.name == "zip":
        tool("zip")
    (tmp_path / "archive").write_bytes(packed(found, backend))
    (tmp_path / "out").mkdir()
    subprocess.run([tool("bsdtar"), "-xpf", tmp_path / "archive", "-C", tmp_path / "out"], check=True)
    members = unpacked(tmp_path / "out", directory_times=False)
    report = Member(f"{HEADLINE}b/\n".encode(), 0o644, trees.MTIME_S + 3)
    assert members == {
        "1.jpg": Member(trees.noise(300_000), 0o644, trees.MTIME_S + 1),
        "a/": Member(None, 0o755, None),
        "a/2.jpg": Member(b"two", 0o644, trees.MTIME_S + 2),
        REPORT_NAME: report,
        "z.txt": Member(b"last", 0o644, trees.MTIME_S + 3),
    }


@pytest.mark.parametrize("backend", PLANNED)
def test_ranges_within_a_long_report_are_slices_of_the_archive(
    backend: Backend, long_report: Manifest
) -> None:
    whole = packed(long_report, backend)
    assert len(whole) == info(long_report, backend).length
    at = whole.index(HEADLINE.encode())
    ends = (0, at, at + 1, at + 70_000, at + report_of(long_report).size, len(whole))
    for start in ends:
        for stop in ends:
            if start < stop:
                assert packed(long_report, backend, ByteRange(start, stop)) == whole[start:stop]
