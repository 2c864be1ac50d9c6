"""Checksums of stored files: how much is read for them, which are kept, and that none is outdated."""

import asyncio
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.memory_storage import entry, manifest_of
from tests.seekable.archives import DEFAULT, MIB, archive_of, consume, packed, pulls, source_of, stored_up_to
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.errors import SourceChangedError
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.testing import trees


def test_known_checksum_saves_a_reading() -> None:
    crcs, large = CrcCache(), 5 * MIB
    manifest = manifest_of(entry("a", large), entry("b", large), entry("c", 10))
    archive, source = archive_of(stored_up_to(DEFAULT), manifest, crcs), source_of(manifest)
    first = packed(archive)
    assert source.read_bytes == 2 * (large + large) + 10, "for the checksum, and for sending"
    source.read_bytes = 0
    assert packed(archive) == first
    assert source.read_bytes == large + large + 10, "for sending"


def test_file_in_stored_blocks_is_read_once() -> None:
    manifest = manifest_of(entry("a", 5 * MIB), entry("b", 3))
    archive = archive_of(stored_up_to(0), manifest)
    packed(archive)
    assert source_of(manifest).read_bytes == 5 * MIB + 3


def test_tar_is_read_once() -> None:
    manifest = manifest_of(entry("a", 5 * MIB), entry("b", 3))
    packed(archive_of(TarLayout, manifest))
    assert source_of(manifest).read_bytes == 5 * MIB + 3


def test_crc_cache_evicts_the_least_recently_used() -> None:
    crcs = CrcCache(max_size=2)
    crcs.put("a", 1)
    crcs.put("b", 2)
    assert crcs.get("a") == 1
    crcs.put("c", 3)
    assert (crcs.get("a"), crcs.get("b"), crcs.get("c")) == (1, None, 3)


def touched_and_other(path: Path) -> None:
    path.write_bytes(trees.noise(MIB, 2))


def other_with_the_old_time(path: Path) -> None:
    status = path.stat()
    path.write_bytes(trees.noise(MIB, 2))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def another_file_with_the_old_time(path: Path) -> None:
    status = path.stat()
    twin = path.with_name("twin")
    twin.write_bytes(trees.noise(MIB, 2))
    os.utime(twin, ns=(status.st_atime_ns, status.st_mtime_ns))
    twin.rename(path)


CHANGES = [touched_and_other, other_with_the_old_time, another_file_with_the_old_time]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("threshold", [0, DEFAULT])
def test_changed_file_never_gets_its_old_checksum(
    tmp_path: Path, change: Callable[[Path], None], threshold: int
) -> None:
    root = trees.noisy(tmp_path / "photos", files=2, size=MIB)
    crcs = CrcCache()
    packed(archive_of(stored_up_to(threshold), asyncio.run(trees.manifest_of(root)), crcs))
    change(root / "00001.jpg")
    data = packed(archive_of(stored_up_to(threshold), asyncio.run(trees.manifest_of(root)), crcs))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert opened.read("00001.jpg") == trees.noise(MIB, 2)


def test_file_replaced_between_checksum_and_sending_aborts(tmp_path: Path) -> None:
    """Even if the other file has the same size and time."""
    root = tmp_path / "photos" / trees.SOURCE
    trees.write(root / "1.jpg", bytes(9 * MIB))
    making = pulls(archive_of(stored_up_to(DEFAULT), asyncio.run(trees.manifest_of(root))))
    assert next(making) == b"", "a pause in the reading for the checksum"
    twin = root / "twin"
    trees.write(twin, b"x" * (9 * MIB))
    twin.rename(root / "1.jpg")
    with pytest.raises(SourceChangedError):
        consume(making)
