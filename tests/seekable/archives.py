"""Seekable archives of every layout, the bytes of their ranges, and random manifests."""

import random
from collections.abc import Callable, Generator, Iterable, Iterator

import pytest

from tests.helpers.memory_storage import MemorySource, entry, manifest_of
from tornado_archiver.backend import ByteRange
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.backends.zip.stored import StoredZipLayout
from tornado_archiver.seekable.archive import Plan, SeekableArchive
from tornado_archiver.seekable.content_reader import READ_BYTES, SMALL_FILE_MAX
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.seekable.layout import Layout
from tornado_archiver.seekable.stored_blocks import STORED_BLOCK
from tornado_archiver.source import Chunk, Entry, Manifest, read_chunk

MIB, GIB = 1 << 20, 1 << 30
DEFAULT = 64 * MIB

MakeLayout = Callable[[Manifest], Layout]


def stored_up_to(threshold: int) -> MakeLayout:
    return lambda manifest: StoredZipLayout(manifest, threshold)


LAYOUTS = {
    "stored": stored_up_to(DEFAULT),
    "blocks": stored_up_to(0),
    "by size": stored_up_to(SMALL_FILE_MAX + READ_BYTES),
    "tar": TarLayout,
}
every_layout = pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS.keys())


def archive_of(make: MakeLayout, manifest: Manifest, crcs: CrcCache | None = None) -> SeekableArchive:
    return SeekableArchive(Plan(make(manifest), manifest), manifest, crcs or CrcCache())


def pulls(archive: SeekableArchive, start: int = 0, stop: int | None = None) -> Generator[Chunk, None, None]:
    """Return the chunks that the worker thread makes of a range, pull by pull, with the empty ones."""
    return archive._generate(ByteRange(start, length_of(archive) if stop is None else stop))


def packed(archive: SeekableArchive, start: int = 0, stop: int | None = None) -> bytes:
    """Return the bytes of a range; each chunk is read before the next pull."""
    return b"".join(map(read_chunk, pulls(archive, start, stop)))


def length_of(archive: SeekableArchive) -> int:
    assert archive.info.length is not None
    return archive.info.length


def source_of(manifest: Manifest) -> MemorySource:
    assert isinstance(manifest.source, MemorySource)
    return manifest.source


def around(*sizes: int) -> Iterator[int]:
    for size in sizes:
        yield from (size - 1, size, size + 1)


def consume(chunks: Iterable[Chunk]) -> None:
    for chunk in chunks:
        read_chunk(chunk)


def random_manifest(dice: random.Random) -> Manifest:
    return manifest_of(*{name: random_entry(name, dice) for name in random_names(dice)}.values())


def random_names(dice: random.Random) -> Iterator[str]:
    letters = "abc xyz" + "éж日🌪" * dice.randrange(2)
    for _ in range(dice.randrange(1, 7)):
        length = dice.choice((1, 2, 5, 30, 99, 100, 101, 254))
        yield "".join(dice.choices(letters, k=length)) + "/" * dice.randrange(2)


def random_entry(name: str, dice: random.Random) -> Entry:
    size = 0 if name.endswith("/") else dice.choice((0, 1, 2, 511, 512, 513, 3000, *around(STORED_BLOCK)))
    mtime_s = dice.choice((-(1 << 35), -1, 0, 1, 1_600_000_000, (1 << 31) - 1, 1 << 31, 1 << 33, 1 << 40))
    return entry(name, size, mtime_s * 10**9 + dice.randrange(10**9), dice.randrange(0o1000))
