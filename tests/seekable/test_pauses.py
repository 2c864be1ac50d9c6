"""A download that continues after a pause is never a mixture of two contents of a file."""

import asyncio
import io
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.seekable.archives import (
    DEFAULT,
    MIB,
    MakeLayout,
    archive_of,
    length_of,
    packed,
    pulls,
    stored_up_to,
)
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.errors import SourceChangedError
from tornado_archiver.seekable.archive import SeekableArchive
from tornado_archiver.seekable.content_reader import SMALL_FILE_MAX
from tornado_archiver.source import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, read_chunk
from tornado_archiver.testing import trees

KIB = 1 << 10
LAYOUTS: dict[str, MakeLayout] = {
    "tar": TarLayout,
    "stored": stored_up_to(DEFAULT),
    "blocks": stored_up_to(0),
    "by size": stored_up_to(200 * KIB),
}
SIZES = (0, KIB, 20 * KIB, 40 * KIB, 100 * KIB, SMALL_FILE_MAX, SMALL_FILE_MAX + 1, 300 * KIB, 2 * MIB)
FILES = 14


def album(root: Path, dice: random.Random) -> Path:
    for number in range(FILES):
        trees.write(root / f"{number:02}.jpg", b"o" * dice.choice(SIZES))
    return root


def in_place(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"n" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def by_another_file(path: Path) -> None:
    status = path.stat()
    other = path.with_name(".other")
    trees.write(other, b"n" * status.st_size)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)


def change_some(root: Path, dice: random.Random) -> None:
    paths = sorted(root.glob("*.jpg"))
    for path in dice.sample(paths, dice.choice((1, 2, FILES))):
        dice.choice((in_place, by_another_file))(path)


def sent_before_a_pause(archive: SeekableArchive, dice: random.Random, start: int) -> bytes:
    """Return the bytes that the client got of some chunks, of which the last one or two were dropped."""
    archive.chunk_bytes = dice.choice((MIN_CHUNK_BYTES, 2 * MIN_CHUNK_BYTES, MAX_CHUNK_BYTES))
    chunks = pulls(archive, start)
    made = [read_chunk(chunk) for chunk in islice(filter(len, chunks), dice.randrange(1, 14))]
    chunks.close()
    if len(made) > 1 and dice.randrange(2):
        del made[-1]  # it was prepared
    last = made.pop() if made else b""
    return b"".join(made) + last[: dice.randrange(len(last) + 1)]


def contents(data: bytes, make: MakeLayout) -> Iterator[bytes]:
    if make is TarLayout:
        with tarfile.open(fileobj=io.BytesIO(data)) as opened:
            for member in opened:
                file = opened.extractfile(member)
                assert file is not None
                yield file.read()
    else:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            yield from map(opened.read, opened.namelist())


@pytest.mark.parametrize("seed", [*range(30), 130, 203, 262, 477, 721])
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_files_changed_around_pauses_are_whole_or_the_download_aborts(
    make: MakeLayout, seed: int, tmp_path: Path
) -> None:
    dice = random.Random(seed)
    root = album(tmp_path / "photos" / trees.SOURCE, dice)
    archive = archive_of(make, asyncio.run(trees.manifest_of(root)))
    data = b""
    try:
        for _ in range(dice.randrange(1, 4)):
            if len(data) < length_of(archive):
                data += sent_before_a_pause(archive, dice, len(data))
            if dice.randrange(2):
                change_some(root, dice)
        if len(data) < length_of(archive):
            data += packed(archive, len(data))
    except SourceChangedError:
        return
    assert all(len(set(content)) <= 1 for content in contents(data, make))
