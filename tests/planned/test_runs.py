"""Runs of records that are made at once: the same bytes as one by one, of the length laid out."""

import io
import itertools
import random
import zipfile
from collections.abc import Iterable

import pytest

from tests.memory_storage import entry, manifest_of
from tests.planned.archives import (
    DEFAULT,
    MIB,
    MakeLayout,
    archive_of,
    every_layout,
    packed,
    random_manifest,
    stored_up_to,
)
from tornado_archiver.backends.tar import TarLayout
from tornado_archiver.contents import Contents
from tornado_archiver.errors import BackendError
from tornado_archiver.segments import Late


@every_layout
def test_runs_are_what_one_record_after_the_other_is(make: MakeLayout) -> None:
    dice = random.Random(5)
    for _ in range(100):
        manifest = random_manifest(dice)
        archive = archive_of(make, manifest)
        piecemeal = b"".join(
            packed(archive, at, end) for at, end in itertools.pairwise(halved(archive._layout.starts))
        )
        assert packed(archive) == piecemeal


def halved(starts: Iterable[int]) -> list[int]:
    """Those, and a place within each record: no range has a whole record then."""
    return sorted({*starts, *(start + 1 for start in starts)})[:-1]


def test_lengths_are_those_of_the_segments() -> None:
    dice = random.Random(3)
    for _ in range(200):
        manifest = random_manifest(dice)
        for make in (stored_up_to(0), stored_up_to(512), stored_up_to(DEFAULT), TarLayout):
            layout = make(manifest)
            lengths = [layout.length_of(record) for record in range(layout.records())]
            assert list(layout.starts) == [0, *itertools.accumulate(lengths)]


def test_thousands_of_small_ones_and_some_large_between_them() -> None:
    sizes = [100 if number % 50 else 2 * MIB for number in range(3000)]
    manifest = manifest_of(*(entry(f"{number:04}", size) for number, size in enumerate(sizes)))
    with zipfile.ZipFile(io.BytesIO(packed(archive_of(stored_up_to(DEFAULT), manifest)))) as opened:
        assert opened.testzip() is None
        assert [info.file_size for info in opened.infolist()] == sizes


def test_a_record_of_another_length_than_laid_out_breaks_the_download() -> None:
    class Lying(TarLayout):
        def segments(self, record: int) -> tuple[Late]:
            return (Late(512, lambda _: bytes(511)),)

        def run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
            return []

    with pytest.raises(BackendError):
        packed(archive_of(Lying, manifest_of(entry("a"))))


@pytest.mark.parametrize("lie", [-1, 1, 4000])
def test_a_run_of_records_of_another_length_than_laid_out_breaks_the_download(lie: int) -> None:
    class Lying(TarLayout):
        def run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
            told = super().run(first, stop, contents)
            return [bytes(len(b"".join(told)) + lie)] if told else []

    with pytest.raises(BackendError):
        packed(archive_of(Lying, manifest_of(*(entry(f"{number}", 100) for number in range(20)))))
