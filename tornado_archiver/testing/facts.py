"""What a backend says of itself and of an archive, and whether it is so."""

import asyncio
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tornado_archiver.backend import Archive, ArchiveInfo, ByteRange
from tornado_archiver.registry import METADATA_PATTERNS
from tornado_archiver.source import FileSlice, Manifest
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.base import ConformanceBase, chunks_of, whole
from tornado_archiver.testing.probes import etag_in_subprocess

MAX_CHUNK_BYTES = 2 * 1024 * 1024

Change = Callable[[Path], None]


class FactTests(ConformanceBase):
    def test_metadata(self) -> None:
        backend = self.make_backend()
        for attribute, allowed in METADATA_PATTERNS.items():
            assert allowed.fullmatch(getattr(backend, attribute)), attribute

    def test_check_passes(self) -> None:
        self.run_async(self.make_backend().check())

    def test_hands_out_chunks_of_a_good_size(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def held_in_memory(archive: Archive) -> list[object]:
            async with aclosing(archive.chunks()) as chunks:
                return [
                    chunk.prefix + b"+" if isinstance(chunk, FileSlice) else chunk async for chunk in chunks
                ]

        for piece in self.run(root, held_in_memory):
            assert isinstance(piece, bytes)
            assert 1 <= len(piece) <= MAX_CHUNK_BYTES

    def test_sends_the_length_it_promised(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def lengths(archive: Archive) -> tuple[int | None, int]:
            return archive.info.length, len(await whole(archive))

        length, sent = self.run(root, lengths)
        assert length in (None, sent)

    def test_same_etag_means_same_bytes(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def tagged(archive: Archive) -> tuple[str | None, bytes]:
            return archive.info.etag, await whole(archive)

        (tag, data), (tag_again, data_again) = self.run(root, tagged), self.run(root, tagged)
        assert tag == tag_again
        assert tag is None or data == data_again

    def test_same_etag_in_another_process(self, tmp_path: Path) -> None:
        manifest = asyncio.run(trees.manifest_of(trees.mixed(tmp_path / "photos")))
        tag = self._facts(manifest).etag
        assert tag is None or tag == etag_in_subprocess(self, manifest)

    @pytest.mark.parametrize("change", faults.MODIFICATIONS)
    def test_other_bytes_have_another_etag(self, tmp_path: Path, change: Change) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def tagged(archive: Archive) -> tuple[str | None, bytes]:
            return archive.info.etag, await whole(archive)

        tag, data = self.run(root, tagged)
        change(root)
        tag_changed, data_changed = self.run(root, tagged)
        assert tag is None or tag != tag_changed or data == data_changed

    def test_says_when_it_was_modified(self, tmp_path: Path) -> None:
        manifest = asyncio.run(trees.manifest_of(trees.mixed(tmp_path / "photos")))
        info, changed_s = self._facts(manifest), (manifest.ctime_ns or 0) // 10**9
        assert info.last_modified is None or isinstance(info.last_modified, int)
        # the newest time of a file would not do: it stays when an older one is moved into place
        assert info.last_modified is None or info.last_modified >= changed_s
        assert info.etag is None or re.fullmatch(r"[\x21\x23-\x7e]+", info.etag)  # RFC 9110 8.8.3, ASCII only

    def test_gives_no_date_that_nobody_can_know(self, tmp_path: Path) -> None:
        manifest = asyncio.run(trees.manifest_of(trees.mixed(tmp_path / "photos")))
        for undated in (replace(manifest, ctime_ns=None), replace(manifest, has_last_modified=False)):
            assert self._facts(undated).last_modified is None

    def test_ranges_are_slices(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")
        entire = self.run(root, whole)
        for start, stop in _some_ranges(len(entire)):

            async def part(archive: Archive, start: int = start, stop: int = stop) -> bytes | None:
                if archive.info.length is None:
                    return None
                return b"".join(await chunks_of(archive, ByteRange(start, stop)))

            assert self.run(root, part) in (None, entire[start:stop])

    def test_gives_one_range_after_the_other(self, tmp_path: Path) -> None:
        """Of one archive, in any order and overlapping, as a request for several ranges takes them."""
        root = trees.mixed(tmp_path / "photos")
        entire = self.run(root, whole)
        ranges = [ByteRange(*bounds) for bounds in reversed(_some_ranges(len(entire)))]

        async def wrong(archive: Archive) -> list[ByteRange]:
            asked = ranges if archive.info.length is not None else []
            got = [b"".join(await chunks_of(archive, wanted)) for wanted in asked]
            return [
                part for part, data in zip(asked, got, strict=True) if data != entire[part.start : part.stop]
            ]

        assert self.run(root, wrong) == []

    def _facts(self, manifest: Manifest) -> ArchiveInfo:
        async def opened() -> ArchiveInfo:
            return (await self.make_backend().open(manifest)).info

        return self.run_async(opened())


def _some_ranges(length: int) -> list[tuple[int, int]]:
    middle = length // 2
    return [
        (0, 1),
        (0, length),
        (0, middle),
        (middle, length),
        (middle, middle + 1),
        (length - 1, length),
        (length // 3, 2 * length // 3),
    ]
