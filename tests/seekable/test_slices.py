"""Slices of files: valid until the next pull, whatever happens meanwhile; and empty files."""

import asyncio
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.seekable.archives import (
    DEFAULT,
    MIB,
    MakeLayout,
    archive_of,
    every_layout,
    packed,
    pulls,
    stored_up_to,
)
from tornado_archiver.backend import ByteRange
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.errors import ArchiverError, SourceChangedError
from tornado_archiver.seekable.content_reader import SMALL_FILE_MAX
from tornado_archiver.source import Chunk, FileSlice, read_chunk
from tornado_archiver.testing import faults, trees


def late_reader(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Read a chunk only when the next one is ready, as the event loop does with one pull ahead."""
    in_hand: Chunk = b""
    for chunk in chunks:
        yield read_chunk(in_hand)
        in_hand = chunk
    yield read_chunk(in_hand)


MIXED_SIZES = [
    SMALL_FILE_MAX + 1,
    10,
    200_000,
    210_000,
    0,
    150_000,
    140_000,
    250_000,
    90_000,
    300_000,
    160_000,
]


@pytest.mark.parametrize("threshold", [0, SMALL_FILE_MAX, 150_000, 180_000, 220_000, DEFAULT])
def test_slice_is_valid_until_the_next_pull(tmp_path: Path, threshold: int) -> None:
    root = tmp_path / "photos" / trees.SOURCE
    for number, size in enumerate(MIXED_SIZES):
        trees.write(root / f"{number:02}", trees.noise(size, number))
    archive = archive_of(stored_up_to(threshold), asyncio.run(trees.manifest_of(root)))
    data = b"".join(late_reader(pulls(archive)))
    assert data == packed(archive)
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None


@pytest.mark.parametrize("make", [stored_up_to(DEFAULT), TarLayout])
def test_slice_is_valid_although_the_next_pull_fails(tmp_path: Path, make: MakeLayout) -> None:
    root = trees.noisy(tmp_path / "photos", files=2, size=MIB)
    with closing(
        archive_of(make, asyncio.run(trees.manifest_of(root)))._generate(ByteRange(0, 2 * MIB))
    ) as making:
        in_hand = next(making)
        assert isinstance(in_hand, FileSlice)
        (root / "00001.jpg").unlink()
        assert next(making) == b"", "the failure waits until the slice is done with"
        assert read_chunk(in_hand)[len(in_hand.prefix) :] == trees.noise(MIB, 0)[:-1]
        with pytest.raises(SourceChangedError):
            next(making)


@pytest.mark.parametrize("fault", faults.FAULTS)
@pytest.mark.parametrize("size", [1000, 200_000, 9 * MIB])
@every_layout
def test_change_during_packing_gives_right_bytes_or_an_error(
    tmp_path: Path, make: MakeLayout, size: int, fault: Callable[[Path, Path], None]
) -> None:
    for step in range(5):
        base = tmp_path / str(step)
        root = base / "photos" / trees.SOURCE
        trees.write(root / "1.jpg", trees.noise(200_000, 1))
        trees.write(root / faults.TARGET, trees.noise(size, 2))
        trees.write(root / "zz.jpg", trees.noise(200_000, 3))
        archive = archive_of(make, asyncio.run(trees.manifest_of(root)))
        whole = packed(archive)
        sent = []
        try:
            for number, data in enumerate(late_reader(pulls(archive))):
                sent.append(data)
                if number == step:
                    fault(root, base / "outside")
        except ArchiverError:
            continue
        assert b"".join(sent) == whole


# Files that are empty


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 512), (1, None), (511, None), (1, 512)])
def test_empty_file_is_opened_by_a_range_that_reaches_it(
    tmp_path: Path, start: int, stop: int | None
) -> None:
    """Its header is the first block. Only opening it shows whether it still exists and is empty."""
    trees.write(tmp_path / trees.SOURCE / "empty.txt", b"")
    archive = archive_of(TarLayout, asyncio.run(trees.manifest_of(tmp_path / trees.SOURCE)))
    assert packed(archive, start, stop)
    (tmp_path / trees.SOURCE / "empty.txt").unlink()
    with pytest.raises(SourceChangedError):
        packed(archive, start, stop)
