"""The archives for the readers: every layout of every tree, written to disk as sparse files."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from isal import isal_zlib

from tests.helpers.memory_storage import MemorySource, Read, entry, zeros
from tornado_archiver.backend import ByteRange
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.backends.zip.stored import StoredZipLayout
from tornado_archiver.seekable.archive import Plan, SeekableArchive
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.seekable.layout import Layout
from tornado_archiver.source import Chunk, Manifest, read_chunk
from tornado_archiver.testing import trees
from tornado_archiver.testing.members import Member, promised

MIB, GIB = 1 << 20, 1 << 30
FILM_BYTES = 4 * GIB + 64 * MIB
LARGER_THAN_USTAR = 8 * GIB + 64 * MIB
LAST = "z.txt"
_HOLE_BYTES = 4096
_IN_MEMORY = "/dev/shm"
_CONTENT_OF_LAST = b"the content of the last member\n"

LAYOUTS: dict[str, Callable[[Manifest], Layout]] = {
    "stored-zip": lambda manifest: StoredZipLayout(manifest, 64 * MIB),
    "stored-blocks": lambda manifest: StoredZipLayout(manifest, 0),
    "stored": lambda manifest: StoredZipLayout(manifest, 1 << 60),
    "tar": TarLayout,
}


@dataclass(frozen=True, slots=True)
class Run:
    """Length and CRC-32 of data that is not kept in memory."""

    length: int = 0
    crc: int = 0

    def then(self, data: bytes) -> "Run":
        return Run(self.length + len(data), isal_zlib.crc32(data, self.crc))


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive on disk and its expected contents: all members of a small archive; for a huge archive the
    concatenation of all contents, and the content of the last member."""

    path: Path
    members: dict[str, Member]
    all: Run = Run()
    last: Run = Run()


@contextmanager
def archives() -> Iterator["Archives"]:
    """Use memory if it has enough space, because holes are read there twenty times as fast as from a disk."""
    has_room = os.path.isdir(_IN_MEMORY) and shutil.disk_usage(_IN_MEMORY).free > 4 * GIB
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY if has_room else None) as base:
        yield Archives(Path(base))


class Archives:
    """Creates archives in the directory `base`, each on first use."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._made: dict[tuple[str, str], Packed] = {}

    def packed(self, layout: str, tree: str) -> Packed:
        if (layout, tree) not in self._made:
            path = self._base / f"{layout} {tree}{'.tar' if layout == 'tar' else '.zip'}"
            self._made[layout, tree] = self._pack(layout, tree, path)
        return self._made[layout, tree]

    def _pack(self, layout: str, tree: str, path: Path) -> Packed:
        if tree in SMALL:
            manifest = self._on_disk(tree)
            packed = Packed(path, promised(manifest))
        else:
            manifest, reads = _in_memory({**HUGE, **FULL}[layout, tree])
            last = manifest.entries[-1]
            packed = Packed(
                path, {}, _run(manifest, reads), Run().then(reads[last.member_name](0, last.size))
            )
        _write(LAYOUTS[layout](manifest), manifest, path)
        return packed

    def _on_disk(self, tree: str) -> Manifest:
        photos = self._base / tree
        root = photos / trees.SOURCE
        return asyncio.run(trees.manifest_of(root if root.exists() else SMALL[tree](photos)))


def _empty(photos: Path) -> Path:
    root = photos / trees.SOURCE
    for number, name in enumerate(("a/b/empty too", "empty.bin", "z")):
        trees.write(root / name, b"", age_s=number, mode=0o600)
    (root / "void" / "void").mkdir(parents=True)
    (root / "zz").mkdir(mode=0o700)
    trees.settle_directories(root)
    return root


def _names(photos: Path) -> Path:
    root = trees.hostile(photos)
    (root / "#hash").chmod(0o600)
    return root


SMALL = {"plain": trees.mixed, "empty": _empty, "names": _names}


def _film(start: int, stop: int) -> bytes:
    """Zeros, except for three bytes."""
    marks = [at - start for at in (1, 1 << 32, FILM_BYTES - 1) if start <= at < stop]
    if not marks:
        return zeros(start, stop)
    data = bytearray(stop - start)
    for at in marks:
        data[at] = 1
    return bytes(data)


def _text(text: bytes) -> Read:
    return lambda start, stop: text[start:stop]


Contents = dict[str, tuple[int, Read]]
_LAST = {LAST: (len(_CONTENT_OF_LAST), _text(_CONTENT_OF_LAST))}
_MANY: Contents = {
    f"{number // 1000:02}/{number:05}.txt": (6, _text(b"%05d\n" % number)) for number in range(70_000)
}
_FILM_BEFORE_LAST: Contents = {"film.mov": (FILM_BYTES, _film), **_LAST}

# By layout and tree
HUGE: dict[tuple[str, str], Contents] = {
    **{(layout, "many"): _MANY for layout in LAYOUTS},
    ("stored-zip", "large"): _FILM_BEFORE_LAST,
    ("stored-zip", "far"): {**{f"{number:02}.mov": (64 * MIB, zeros) for number in range(65)}, **_LAST},
    ("stored-blocks", "far"): _FILM_BEFORE_LAST,
    ("tar", "far"): {"film.mov": (LARGER_THAN_USTAR, zeros), **_LAST},
}

# Archives in which a field of a zip has all bits set as its real value, and a member after it
_ONES = 0xFFFFFFFF
_LOCAL_OF_FILM, _LOCAL_OF_LAST = 30 + len("film") + 9, 30 + len(LAST) + 9
FULL: dict[tuple[str, str], Contents] = {
    ("stored", "size"): {"film": (_ONES, zeros), **_LAST},
    ("stored-blocks", "size"): {"film": (_ONES, zeros), **_LAST},
    ("stored-blocks", "compressed size"): {"film": (4_294_639_630, zeros), **_LAST},
    ("stored", "offset"): {"film": (_ONES - _LOCAL_OF_FILM, zeros), **_LAST},
    ("stored", "start of the directory"): {
        "film": (_ONES - _LOCAL_OF_FILM - _LOCAL_OF_LAST - len(_CONTENT_OF_LAST), zeros),
        **_LAST,
    },
    ("stored", "members"): {**dict(islice(_MANY.items(), 0xFFFF - 1)), **_LAST},
    # unzip reads 64 records of the directory at a time, and this one is the last of the first 64
    ("stored", "size, 64 records in"): {
        **{f"a{number:02}": (0, zeros) for number in range(63)},
        "film": (_ONES, zeros),
        **_LAST,
    },
}


def _in_memory(contents: Contents) -> tuple[Manifest, dict[str, Read]]:
    reads = {name: read for name, (_, read) in contents.items()}
    entries = sorted(entry(name, size) for name, (size, _) in contents.items())
    return Manifest(tuple(entries), MemorySource(reads)), reads


def _run(manifest: Manifest, reads: dict[str, Read]) -> Run:
    run = Run()
    for item in manifest.entries:
        for start in range(0, item.size, MIB):
            run = run.then(reads[item.member_name](start, min(start + MIB, item.size)))
    return run


def _write(layout: Layout, manifest: Manifest, path: Path) -> None:
    archive = SeekableArchive(Plan(layout, manifest), manifest, CrcCache())
    with open(path, "wb") as file, closing(archive._generate(ByteRange(0, layout.length))) as chunks:
        for block in _blocks(chunks):
            if block == zeros(0, len(block)):
                file.seek(len(block), 1)
            else:
                file.write(block)
        file.truncate(layout.length)


def _blocks(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Yield the same bytes: runs of zeros as they are, other data in blocks of the size of a hole."""
    at = 0
    for data in map(read_chunk, chunks):
        if data == zeros(0, len(data)):
            yield data
        else:
            first = -at % _HOLE_BYTES
            yield data[:first]
            yield from (data[start : start + _HOLE_BYTES] for start in range(first, len(data), _HOLE_BYTES))
        at += len(data)
