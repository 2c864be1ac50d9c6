"""CRC-32s that a range at the end of a zip needs of the entries before it, and how much one pull reads."""

import asyncio
import os
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.memory_storage import MemorySource, entry, manifest_of, zeros
from tests.helpers.servers import eventually
from tests.seekable.archives import (
    DEFAULT,
    GIB,
    MIB,
    archive_of,
    consume,
    length_of,
    pulls,
    source_of,
    stored_up_to,
)
from tornado_archiver.backend import BackendOptions, ByteRange
from tornado_archiver.backends.zip.stored import StoredZip
from tornado_archiver.seekable.packer import MAX_SLICE_BYTES
from tornado_archiver.testing import trees
from tornado_archiver.testing.probes import ResourceSnapshot, bytes_read

MAX_PULL_BYTES = 3 * MAX_SLICE_BYTES  # read in one pull: a checksum until the next pause, a chunk, a bit more


def test_range_at_the_end_is_sent_before_missing_checksums() -> None:
    before, last = 100 * MIB, 60 * MIB
    manifest = manifest_of(entry("a", before), entry("b", before), entry("c", last))
    archive, source = archive_of(stored_up_to(2 * before), manifest), source_of(manifest)
    whole_length = length_of(archive)
    making = pulls(archive, whole_length - last // 2)
    assert len(next(making)) == MAX_SLICE_BYTES
    assert source.opened == ["c"], "nothing else was looked at before the first byte"
    consume(making)
    read_of_a_and_b = 2 * before
    assert source.read_bytes < read_of_a_and_b + last + last // 2 + MIB, "nothing was read twice"
    assert source.still_open == 0


def test_missing_checksums_are_computed_in_proportion_to_what_is_sent() -> None:
    manifest = manifest_of(entry("a", 100 * MIB), entry("b", 100 * MIB))
    archive, source = archive_of(stored_up_to(0), manifest), source_of(manifest)
    start = length_of(archive) - 50 * MIB
    read_when_sent = []
    sent = 0
    for chunk in pulls(archive, start):
        sent += len(chunk)
        read_when_sent.append((sent, source.read_bytes))
    half_sent = min(read for sent, read in read_when_sent if sent > 25 * MIB)
    assert 75 * MIB < half_sent < 175 * MIB, "of 250 MiB in all, about half by then"


@pytest.mark.parametrize(
    ("sizes", "threshold", "tail"),
    [
        ([100_000] * 800, DEFAULT, 60_000),  # the central directory of small ones
        ([MAX_SLICE_BYTES - 1] * 20, DEFAULT, 1500),  # each below the size of a pause
        ([100 * MIB] * 2, DEFAULT, 200),
        ([100 * MIB] * 2, 0, 200),
        ([100 * MIB, 100 * MIB, 2 * MIB], DEFAULT, 2 * MIB),  # few bytes to send for much to read
        ([100_000] * 800, 0, 2 * MIB),
        ([100 * MIB] * 2, DEFAULT, None),
        ([100 * MIB] * 2, 0, None),
        ([100_000] * 800, DEFAULT, None),
    ],
)
def test_pull_reads_a_bounded_amount(sizes: list[int], threshold: int, tail: int | None) -> None:
    """The cancellation of a request waits for the end of the pull."""
    manifest = manifest_of(*(entry(f"{number:03}", size) for number, size in enumerate(sizes)))
    source = MemorySource(dict.fromkeys(source_of(manifest).reads, zeros))
    archive = archive_of(stored_up_to(threshold), replace(manifest, source=source))
    before = 0
    for _ in pulls(archive, length_of(archive) - tail if tail else 0):
        assert source.read_bytes - before <= MAX_PULL_BYTES
        before = source.read_bytes
    assert source.still_open == 0
    assert source.read_bytes < 2 * sum(sizes) + MIB, "once for the checksum and once for sending"


def sparse(root: Path, name: str, size: int) -> None:
    path = root / name
    trees.write(path, b"")
    os.truncate(path, size)
    os.utime(path, (trees.MTIME_S, trees.MTIME_S))


@pytest.mark.parametrize("tail", [None, 100])
def test_cancelling_a_long_checksum_releases_resources(tmp_path: Path, tail: int | None) -> None:
    root = tmp_path / "photos" / trees.SOURCE
    for name in ("1.mov", "2.mov"):
        sparse(root, name, 100 * GIB)

    async def left_early() -> int:
        backend = StoredZip(BackendOptions(stored_threshold=1 << 60))
        archive = await backend.open(await trees.manifest_of(root))
        before, read_before, length = ResourceSnapshot.now(), bytes_read(), archive.info.length or 0
        async with aclosing(archive.chunks(ByteRange(length - tail if tail else 0, length))) as chunks:
            pull = asyncio.ensure_future(anext(chunks))
            assert await asyncio.to_thread(eventually, lambda: bytes_read() - read_before > 30 * MIB, 60)
            pull.cancel()
            read_then = bytes_read()  # much, when the disk is fast and this comes late
            await asyncio.wait([pull])
        before.assert_unchanged()
        return bytes_read() - read_then

    assert asyncio.run(left_early()) <= MAX_PULL_BYTES
