"""How the files of the photos root are read, and what is told when they are not what they were."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.file_leases import leased
from tests.helpers.unprivileged import unprivileged
from tests.sources.local.storage.photos_root import FOLLOW, HASH, assert_tells_nothing, manifest
from tornado_archiver.errors import SourceChangedError, SourceUnreadableError, StorageUnavailableError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.storage import LocalReader
from tornado_archiver.testing import Fault, faults

KIB = 1024


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def entry_of(found: Manifest, name: str = faults.TARGET) -> Entry:
    return next(entry for entry in found.entries if entry.member_name == name)


def local_reader(found: Manifest) -> LocalReader:
    reader = found.source.reader()
    assert isinstance(reader, LocalReader)
    return reader


@pytest.mark.parametrize("max_bytes", [1000, 4096, 64 * KIB, 300 * KIB - 1, 300 * KIB, 300 * KIB + 1, 2**20])
def test_blocks_are_the_whole_content(photos: Path, max_bytes: int) -> None:
    found = manifest(photos)
    with found.source.reader() as reader:
        blocks = [bytes(block) for block in reader.iter_blocks(entry_of(found), max_bytes)]
    assert b"".join(blocks) == (photos / HASH / faults.TARGET).read_bytes()
    assert all(1 <= len(block) <= max_bytes for block in blocks)


def test_one_reader_reads_many_files_with_blocks_of_any_size(photos: Path) -> None:
    (photos / HASH / "empty").touch()
    found = manifest(photos)
    with found.source.reader() as reader:
        for name, max_bytes in (("a.txt", 2), (faults.TARGET, 2**20), ("empty", 1), ("a.txt", 3)):
            content = b"".join(map(bytes, reader.iter_blocks(entry_of(found, name), max_bytes)))
            assert content == (photos / HASH / name).read_bytes()


def test_a_reader_holds_one_directory_and_one_file_at_most(photos: Path) -> None:
    for folder in range(50):
        (photos / HASH / str(folder)).mkdir()
        (photos / HASH / str(folder) / "file").write_bytes(b"x")
    found, before = manifest(photos), _descriptors()
    with found.source.reader() as reader:
        for entry in found.entries:
            if not entry.is_directory:
                for _ in reader.iter_blocks(entry, KIB):
                    assert _descriptors() <= before + 4  # root, source, the file's directory, the file


@pytest.mark.parametrize("fault", faults.FAULTS)
def test_a_change_before_the_reading_is_told_before_a_byte(photos: Path, fault: Fault) -> None:
    found = manifest(photos)
    fault(photos / HASH, photos.parent / "outside")
    with found.source.reader() as reader:
        with pytest.raises(SourceChangedError) as caught:
            next(reader.iter_blocks(entry_of(found), KIB))
        with pytest.raises(SourceChangedError):
            reader.verify(found.entries)
    assert_tells_nothing(caught.value, photos)
    assert faults.TARGET in str(caught.value)


@pytest.mark.parametrize("fault", [faults.shrunk, faults.grown, faults.rewritten])
def test_a_change_under_way_is_told_in_place_of_the_end(photos: Path, fault: Fault) -> None:
    found = manifest(photos)
    with found.source.reader() as reader:
        blocks = reader.iter_blocks(entry_of(found), KIB)
        next(blocks)
        fault(photos / HASH, photos.parent / "outside")
        with pytest.raises(SourceChangedError) as caught:
            list(blocks)
    assert_tells_nothing(caught.value, photos)


def test_no_more_than_the_promised_bytes_of_a_file_that_grows(photos: Path) -> None:
    found = manifest(photos)
    got: list[int] = []
    with found.source.reader() as reader:
        blocks = reader.iter_blocks(entry_of(found), 1000)
        got.append(len(next(blocks)))
        faults.grown(photos / HASH, photos.parent)
        with pytest.raises(SourceChangedError):
            got.extend(map(len, blocks))
    assert sum(got) == entry_of(found).size


def test_a_source_that_is_gone(photos: Path) -> None:
    found = manifest(photos)
    (photos / HASH).rename(photos / "moved")
    with pytest.raises(SourceChangedError) as caught, found.source.reader():
        pytest.fail("there is nothing to read")
    assert_tells_nothing(caught.value, photos)


def test_a_photos_root_that_is_gone(photos: Path) -> None:
    found = manifest(photos)
    photos.rename(photos.with_name("moved"))
    with pytest.raises(StorageUnavailableError) as caught, found.source.reader():
        pytest.fail("there is nothing to read")
    assert_tells_nothing(caught.value, photos)


def test_a_link_put_in_place_of_the_source_is_not_followed(photos: Path) -> None:
    found = manifest(photos, selection=FOLLOW)
    (photos / HASH).rename(photos.parent / "moved")
    (photos / HASH).symlink_to("../moved")
    with pytest.raises(SourceChangedError), found.source.reader():
        pytest.fail("it leads out of the photos root")


@pytest.mark.parametrize("locked", [faults.TARGET, "z"])
def test_a_file_that_may_not_be_read(photos: Path, locked: str) -> None:
    found = manifest(photos)
    (photos / HASH / locked).chmod(0)
    with found.source.reader() as reader, unprivileged(), pytest.raises(SourceUnreadableError) as caught:
        list(reader.iter_blocks(entry_of(found), KIB))
    (photos / HASH / locked).chmod(0o755)
    assert_tells_nothing(caught.value, photos)
    assert faults.TARGET in str(caught.value)


def content_in_blocks(reader: LocalReader, entry: Entry) -> bytes:
    return b"".join(map(bytes, reader.iter_blocks(entry, KIB)))


@pytest.mark.parametrize("read", [content_in_blocks, LocalReader.read_all])
def test_a_file_that_somebody_holds_a_lease_of_is_waited_for(
    photos: Path, read: Callable[[LocalReader, Entry], bytes]
) -> None:
    found, file = manifest(photos), photos / HASH / "a.txt"
    with leased(file, lets_go=True) as holder, local_reader(found) as reader:
        assert read(reader, entry_of(found, "a.txt")) == b"first"
        assert holder.wait(timeout=60) == 0, "it was asked to let go"


def test_a_reader_that_is_left_in_the_middle(photos: Path) -> None:
    """The descriptors are counted when this test has ended."""
    found = manifest(photos)
    with found.source.reader() as reader:
        blocks = reader.iter_blocks(entry_of(found), KIB)
        next(blocks)
        before = _descriptors()
        blocks.close()  # type: ignore[attr-defined]
        assert _descriptors() == before - 1


def test_an_unchanged_source_is_verified(photos: Path) -> None:
    (photos / HASH / "void").mkdir()
    found = manifest(photos)
    with found.source.reader() as reader:
        reader.verify(found.entries)
        (photos / HASH / "void/new").touch()  # moves the directory's time, and nothing that is packed
        reader.verify(found.entries)


def test_a_file_that_is_opened_is_the_callers(photos: Path) -> None:
    found = manifest(photos)
    with local_reader(found) as reader:
        descriptor = reader.open_fd(entry_of(found, "a.txt"))
    try:
        assert os.read(descriptor, 100) == b"first"
    finally:
        os.close(descriptor)
