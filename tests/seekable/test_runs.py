"""Runs of records made in one batch: the same bytes as record by record, of the lengths laid out."""

import io
import itertools
import random
import zipfile
from collections.abc import Callable, Iterable
from functools import partial

import pytest

from tests.helpers.memory_storage import entry, manifest_of
from tests.seekable.archives import (
    DEFAULT,
    MIB,
    MakeLayout,
    archive_of,
    every_layout,
    packed,
    random_manifest,
    stored_up_to,
)
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.backends.zip.stored import StoredZipLayout
from tornado_archiver.errors import BackendError
from tornado_archiver.seekable.layout import Layout


@every_layout
def test_run_of_records_has_the_same_bytes_as_one_after_another(make: MakeLayout) -> None:
    dice = random.Random(5)
    for _ in range(100):
        manifest = random_manifest(dice)
        archive = archive_of(make, manifest)
        piecemeal = b"".join(
            packed(archive, at, end) for at, end in itertools.pairwise(halved(archive._layout.offsets))
        )
        assert packed(archive) == piecemeal


def halved(starts: Iterable[int]) -> list[int]:
    """Return those, and a position within each record: no range contains a whole record then."""
    return sorted({*starts, *(start + 1 for start in starts)})[:-1]


def test_lengths_laid_out_are_those_of_heads_contents_and_tails() -> None:
    dice = random.Random(3)
    for _ in range(200):
        manifest = random_manifest(dice)
        for make in (stored_up_to(0), stored_up_to(512), stored_up_to(DEFAULT), TarLayout):
            layout = make(manifest)
            lengths = [layout.length_of(record) for record in range(layout.record_count)]
            assert list(layout.offsets) == [0, *itertools.accumulate(lengths)]


def test_zip_of_small_and_some_large_files_reads_back() -> None:
    sizes = [100 if number % 50 else 2 * MIB for number in range(3000)]
    manifest = manifest_of(*(entry(f"{number:04}", size) for number, size in enumerate(sizes)))
    with zipfile.ZipFile(io.BytesIO(packed(archive_of(stored_up_to(DEFAULT), manifest)))) as opened:
        assert opened.testzip() is None
        assert [info.file_size for info in opened.infolist()] == sizes


def lying(layout: type[Layout], method: str, lie: int, *, is_laid_out: bool = False) -> Callable[..., Layout]:
    """Return a layout whose heads or tails have `lie` bytes more than laid out, or only if their CRC-32 is
    not 0."""
    true = getattr(layout, method)

    def make(self: Layout, record: int, crc: int) -> bytes:
        data: bytes = true(self, record, crc)
        return data if is_laid_out and not crc else (data + bytes(lie) if lie > 0 else data[:lie])

    return type("Lying", (layout,), {method: make})


@pytest.mark.parametrize("start", [0, 1], ids=["run", "partial"])
@pytest.mark.parametrize("lie", [-1, 1, 4000])
@pytest.mark.parametrize("method", ["head", "tail"])
def test_record_of_another_length_than_laid_out_aborts(method: str, lie: int, start: int) -> None:
    manifest = manifest_of(*(entry(f"{number}", 100) for number in range(20)))
    with pytest.raises(BackendError):
        packed(archive_of(lying(TarLayout, method, lie), manifest), start)


@pytest.mark.parametrize(("method", "threshold"), [("head", DEFAULT), ("tail", 0)])
def test_record_whose_length_depends_on_its_crc_aborts(method: str, threshold: int) -> None:
    layout = lying(StoredZipLayout, method, 1, is_laid_out=True)
    make = partial(layout, threshold=threshold)
    with pytest.raises(BackendError):
        packed(archive_of(make, manifest_of(entry("1", 200_000))))
