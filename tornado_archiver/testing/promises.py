"""What a backend says of itself and of an archive, and whether it is so."""

import asyncio
import re
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from tornado_archiver.backend import Archive, ArchiveInfo, ByteRange
from tornado_archiver.chunks import FileSlice
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.stage import Stage, chunks_of, whole

MAX_CHUNK_BYTES = 2 * 1024 * 1024

Change = Callable[[Path], None]


class Promises(Stage):
    def test_says_what_it_is(self) -> None:
        backend = self.make_backend()
        assert re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", backend.name)
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", backend.media_type)
        assert re.fullmatch(r"(\.[a-z0-9]+)+", backend.suffix)

    def test_can_work_here(self) -> None:
        asyncio.run(self.make_backend().check())

    def test_hands_out_chunks_of_a_good_size(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def held_in_memory(archive: Archive) -> list[object]:
            async with aclosing(archive.chunks()) as chunks:
                return [
                    chunk.head + b"+" if isinstance(chunk, FileSlice) else chunk async for chunk in chunks
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

    @pytest.mark.parametrize("change", faults.HARMLESS)
    def test_other_bytes_have_another_etag(self, tmp_path: Path, change: Change) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def tagged(archive: Archive) -> tuple[str | None, bytes]:
            return archive.info.etag, await whole(archive)

        tag, data = self.run(root, tagged)
        change(root)
        tag_changed, data_changed = self.run(root, tagged)
        assert tag is None or tag != tag_changed or data == data_changed

    def test_says_when_it_was_modified(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def facts(archive: Archive) -> ArchiveInfo:
            return archive.info

        info = self.run(root, facts)
        newest_s = max(entry.mtime_ns for entry in asyncio.run(trees.manifest_of(root)).entries) // 10**9
        assert info.last_modified is None or isinstance(info.last_modified, int)
        assert info.last_modified is None or info.last_modified >= newest_s
        assert info.etag is None or re.fullmatch(r"[\x21\x23-\x7e]+", info.etag)  # RFC 9110 8.8.3, ASCII only

    def test_ranges_are_slices(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")
        entire = self.run(root, whole)
        for start, stop in _some_ranges(len(entire)):

            async def part(archive: Archive, start: int = start, stop: int = stop) -> bytes | None:
                if archive.info.length is None:
                    return None
                return b"".join(await chunks_of(archive, ByteRange(start, stop)))

            assert self.run(root, part) in (None, entire[start:stop])


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
