"""Checksums that downloads of one manifest share: each uses its own, and all must agree."""

import asyncio
import os
import random
from array import array
from pathlib import Path

import pytest

from tests.seekable.archives import consume, pulls
from tornado_archiver.backend import BackendOptions
from tornado_archiver.backends.zip.stored import StoredZip
from tornado_archiver.errors import SourceChangedError
from tornado_archiver.seekable.archive import SeekableArchive
from tornado_archiver.seekable.checksums import Checksums, CrcTable
from tornado_archiver.testing import trees


def test_checksums_know_the_values_that_were_put() -> None:
    dice = random.Random(1)
    for _ in range(200):
        checksums = Checksums(CrcTable(50))
        put: set[int] = set()
        for _ in range(12):
            first = dice.randrange(50)
            stop = dice.randrange(first, 51)
            checksums.put(first, list(range(first, stop)))
            put.update(range(first, stop))
            assert [index for index in range(50) if checksums.knows(index)] == sorted(put)
            first, stop = sorted(dice.sample(range(51), 2))
            expected = []
            for index in range(first, stop):
                if index not in put:
                    break
                expected.append(index)
            assert list(checksums.get(first, stop)) == expected


def test_checksums_do_not_know_values_of_another_download() -> None:
    table = CrcTable(3)
    Checksums(table).put(0, [7, 8, 9])
    assert Checksums(table).get(0, 3) == array("q")


def test_contradicting_checksums_abort_both_downloads() -> None:
    table = CrcTable(3)
    first, second = Checksums(table), Checksums(table)
    first.put(0, [7, 8])
    with pytest.raises(SourceChangedError):
        second.put(1, [5])
    with pytest.raises(SourceChangedError):
        first.get(0, 2)
    assert table.is_stale


def test_file_rewritten_between_two_downloads_aborts_both(tmp_path: Path) -> None:
    """The file keeps its size and time, and both downloads began before."""
    root = trees.noisy(tmp_path / "photos", files=3, size=1000)
    backend = StoredZip(BackendOptions())

    async def opened() -> SeekableArchive:
        archive = await backend.open(manifest)
        assert isinstance(archive, SeekableArchive)
        archive.chunk_bytes = 1
        return archive

    manifest = asyncio.run(trees.manifest_of(root))
    first, second = (asyncio.run(opened()) for _ in range(2))
    making = pulls(first)
    for _ in range(4):
        next(making)
    victim = root / "00000.jpg"
    status = victim.stat()
    victim.write_bytes(trees.noise(1000, 5))
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(SourceChangedError):
        consume(pulls(second))
    with pytest.raises(SourceChangedError):
        consume(making)
    consume(pulls(asyncio.run(opened())))  # a later download has another table
