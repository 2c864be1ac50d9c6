"""Planned archives of every layout, the bytes of their ranges, and manifests of anything."""

import random
from collections.abc import Callable, Generator, Iterable, Iterator

import pytest

from tests.memory_storage import MemorySource, entry, manifest_of
from tornado_archiver.backend import ByteRange
from tornado_archiver.backends.stored_zip.layout import StoredZipLayout
from tornado_archiver.backends.tar import TarLayout
from tornado_archiver.contents import READ_BYTES, SMALL_BYTES
from tornado_archiver.crc_cache import CrcCache
from tornado_archiver.layout import Layout
from tornado_archiver.planned import Plan, PlannedArchive
from tornado_archiver.segments import STORED_BLOCK
from tornado_archiver.source import Chunk, Entry, Manifest, read_chunk

MIB, GIB = 1 << 20, 1 << 30
DEFAULT = 64 * MIB

MakeLayout = Callable[[Manifest], Layout]


def stored_up_to(threshold: int) -> MakeLayout:
    return lambda manifest: StoredZipLayout(manifest, threshold)


LAYOUTS = {
    "stored": stored_up_to(DEFAULT),
    "framed": stored_up_to(0),
    "by size": stored_up_to(SMALL_BYTES + READ_BYTES),
    "tar": TarLayout,
}
every_layout = pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS.keys())


def archive_of(make: MakeLayout, manifest: Manifest, crcs: CrcCache | None = None) -> PlannedArchive:
    return PlannedArchive(Plan(make(manifest), manifest), manifest, crcs or CrcCache())


def pulls(archive: PlannedArchive, start: int = 0, stop: int | None = None) -> Generator[Chunk, None, None]:
    """What the worker thread makes of a range, pull by pull, pauses included."""
    return archive._packed(ByteRange(start, length_of(archive) if stop is None else stop))


def packed(archive: PlannedArchive, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes of a range, each chunk used up before the next is asked for."""
    return b"".join(map(read_chunk, pulls(archive, start, stop)))


def length_of(archive: PlannedArchive) -> int:
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
