"""Reading the files of a source, and the errors for files that changed since the scan."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.file_leases import leased
from tests.helpers.unprivileged import unprivileged
from tests.sources.local.storage.photos_root import FOLLOW, HASH, assert_reveals_no_path, scan
from tornado_archiver.errors import SourceChangedError, SourceUnreadableError, StorageUnavailableError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.storage import LocalReader
from tornado_archiver.testing import Fault, faults

KIB = 1024


def descriptor_count() -> int:
    return len(os.listdir("/proc/self/fd"))


def entry_of(manifest: Manifest, name: str = faults.TARGET) -> Entry:
    return next(entry for entry in manifest.entries if entry.member_name == name)


def local_reader(manifest: Manifest) -> LocalReader:
    reader = manifest.source.reader()
    assert isinstance(reader, LocalReader)
    return reader


@pytest.mark.parametrize("max_bytes", [1000, 4096, 64 * KIB, 300 * KIB - 1, 300 * KIB, 300 * KIB + 1, 2**20])
def test_iter_blocks_yields_whole_content(photos: Path, max_bytes: int) -> None:
    manifest = scan(photos)
    with manifest.source.reader() as reader:
        blocks = [bytes(block) for block in reader.iter_blocks(entry_of(manifest), max_bytes)]
    assert b"".join(blocks) == (photos / HASH / faults.TARGET).read_bytes()
    assert all(1 <= len(block) <= max_bytes for block in blocks)


def test_reader_of_many_files_with_any_block_size_is_correct(photos: Path) -> None:
    (photos / HASH / "empty").touch()
    manifest = scan(photos)
    with manifest.source.reader() as reader:
        for name, max_bytes in (("a.txt", 2), (faults.TARGET, 2**20), ("empty", 1), ("a.txt", 3)):
            content = b"".join(map(bytes, reader.iter_blocks(entry_of(manifest, name), max_bytes)))
            assert content == (photos / HASH / name).read_bytes()


def test_reader_holds_at_most_one_directory_and_one_file(photos: Path) -> None:
    for folder in range(50):
        (photos / HASH / str(folder)).mkdir()
        (photos / HASH / str(folder) / "file").write_bytes(b"x")
    manifest, before = scan(photos), descriptor_count()
    with manifest.source.reader() as reader:
        for entry in manifest.entries:
            if not entry.is_directory:
                for _ in reader.iter_blocks(entry, KIB):
                    assert descriptor_count() <= before + 4  # root, source, the file's directory, the file


@pytest.mark.parametrize("fault", faults.FAULTS)
def test_change_before_reading_raises_before_first_block(photos: Path, fault: Fault) -> None:
    manifest = scan(photos)
    fault(photos / HASH, photos.parent / "outside")
    with manifest.source.reader() as reader:
        with pytest.raises(SourceChangedError) as caught:
            next(reader.iter_blocks(entry_of(manifest), KIB))
        with pytest.raises(SourceChangedError):
            reader.verify(manifest.entries)
    assert_reveals_no_path(caught.value, photos)
    assert faults.TARGET in str(caught.value)


@pytest.mark.parametrize("fault", [faults.shrunk, faults.grown, faults.rewritten])
def test_change_during_reading_raises_at_the_end(photos: Path, fault: Fault) -> None:
    manifest = scan(photos)
    with manifest.source.reader() as reader:
        blocks = reader.iter_blocks(entry_of(manifest), KIB)
        next(blocks)
        fault(photos / HASH, photos.parent / "outside")
        with pytest.raises(SourceChangedError) as caught:
            list(blocks)
    assert_reveals_no_path(caught.value, photos)


def test_growing_file_yields_no_more_than_entry_size(photos: Path) -> None:
    manifest = scan(photos)
    lengths: list[int] = []
    with manifest.source.reader() as reader:
        blocks = reader.iter_blocks(entry_of(manifest), 1000)
        lengths.append(len(next(blocks)))
        faults.grown(photos / HASH, photos.parent)
        with pytest.raises(SourceChangedError):
            lengths.extend(map(len, blocks))
    assert sum(lengths) == entry_of(manifest).size


def test_reader_of_removed_source_raises_source_changed(photos: Path) -> None:
    manifest = scan(photos)
    (photos / HASH).rename(photos / "moved")
    with pytest.raises(SourceChangedError) as caught, manifest.source.reader():
        pytest.fail("there is nothing to read")
    assert_reveals_no_path(caught.value, photos)


def test_reader_of_removed_photos_root_raises_storage_unavailable(photos: Path) -> None:
    manifest = scan(photos)
    photos.rename(photos.with_name("moved"))
    with pytest.raises(StorageUnavailableError) as caught, manifest.source.reader():
        pytest.fail("there is nothing to read")
    assert_reveals_no_path(caught.value, photos)


def test_link_that_replaces_source_is_not_followed(photos: Path) -> None:
    manifest = scan(photos, source_filter=FOLLOW)
    (photos / HASH).rename(photos.parent / "moved")
    (photos / HASH).symlink_to("../moved")
    with pytest.raises(SourceChangedError), manifest.source.reader():
        pytest.fail("the link points outside the photos root")


@pytest.mark.parametrize("locked", [faults.TARGET, "z"])
def test_read_of_unreadable_file_raises_source_unreadable(photos: Path, locked: str) -> None:
    manifest = scan(photos)
    (photos / HASH / locked).chmod(0)
    with manifest.source.reader() as reader, unprivileged(), pytest.raises(SourceUnreadableError) as caught:
        list(reader.iter_blocks(entry_of(manifest), KIB))
    (photos / HASH / locked).chmod(0o755)
    assert_reveals_no_path(caught.value, photos)
    assert faults.TARGET in str(caught.value)


def read_blocks(reader: LocalReader, entry: Entry) -> bytes:
    return b"".join(map(bytes, reader.iter_blocks(entry, KIB)))


@pytest.mark.parametrize("read", [read_blocks, LocalReader.read_all])
def test_read_of_leased_file_waits_for_release(
    photos: Path, read: Callable[[LocalReader, Entry], bytes]
) -> None:
    manifest, file = scan(photos), photos / HASH / "a.txt"
    with leased(file, lets_go=True) as holder, local_reader(manifest) as reader:
        assert read(reader, entry_of(manifest, "a.txt")) == b"first"
        holder.communicate(timeout=60)  # ends it
        assert holder.returncode == 0, "the holder did not release the lease"


def test_closed_iterator_closes_its_file(photos: Path) -> None:
    """A fixture checks the other descriptors after the test."""
    manifest = scan(photos)
    with manifest.source.reader() as reader:
        blocks = reader.iter_blocks(entry_of(manifest), KIB)
        next(blocks)
        before = descriptor_count()
        blocks.close()  # type: ignore[attr-defined]
        assert descriptor_count() == before - 1


def test_verify_of_unchanged_source_passes(photos: Path) -> None:
    (photos / HASH / "void").mkdir()
    manifest = scan(photos)
    with manifest.source.reader() as reader:
        reader.verify(manifest.entries)
        (photos / HASH / "void/new").touch()  # changes the time of the directory, but not an entry
        reader.verify(manifest.entries)


def test_open_fd_belongs_to_the_caller(photos: Path) -> None:
    manifest = scan(photos)
    with local_reader(manifest) as reader:
        descriptor = reader.open_fd(entry_of(manifest, "a.txt"))
    try:
        assert os.read(descriptor, 100) == b"first"
    finally:
        os.close(descriptor)
