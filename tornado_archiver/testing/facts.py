"""Conformance tests of the metadata of a backend and of the facts of an archive."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tornado_archiver.backend import INTERFACE_VERSION, Archive, ArchiveInfo, ByteRange
from tornado_archiver.registry import METADATA_PATTERNS
from tornado_archiver.settings.backend_options import load_backend_options
from tornado_archiver.settings.option import BackendSources
from tornado_archiver.source import FileSlice, Manifest
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.base import ConformanceBase, chunks_of, whole
from tornado_archiver.testing.probes import etag_in_subprocess

MAX_CHUNK_BYTES = 2 * 1024 * 1024

Change = Callable[[Path], None]


class FactTests(ConformanceBase):
    """Length, etag, last modification time and ranges of an archive, compared with its bytes."""

    def test_metadata(self) -> None:
        backend = self.make_backend()
        for attribute, allowed in METADATA_PATTERNS.items():
            assert allowed.fullmatch(getattr(backend, attribute)), attribute

    def test_interface_version_is_that_of_the_service(self) -> None:
        backend = type(self.make_backend())
        version = getattr(backend, "interface_version", None)
        assert version == INTERFACE_VERSION, f"{backend.__name__} must define interface_version"

    def test_options_can_be_loaded(self) -> None:
        """Without an environment: the defaults are allowed, and no other setting has the same variable."""
        backend = self.make_backend()
        defaults = type(backend).options
        assert (
            load_backend_options({backend.name: defaults}, BackendSources()).options[backend.name] == defaults
        )
        assert isinstance(backend.options, type(defaults)), "make_backend passes options of another class"

    def test_check_passes(self) -> None:
        self.run_async(self.make_backend().check())

    def test_chunk_types_and_sizes(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def held_in_memory(archive: Archive) -> list[object]:
            async with aclosing(archive.chunks()) as chunks:
                return [
                    chunk.prefix + b"+" if isinstance(chunk, FileSlice) else chunk async for chunk in chunks
                ]

        for chunk in self.run(root, held_in_memory):
            assert isinstance(chunk, bytes)
            assert 1 <= len(chunk) <= MAX_CHUNK_BYTES

    def test_length_is_that_of_the_bytes(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def lengths(archive: Archive) -> tuple[int | None, int]:
            return archive.info.length, len(await whole(archive))

        length, byte_count = self.run(root, lengths)
        assert length in (None, byte_count)

    def test_same_etag_means_same_bytes(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        (first_tag, first), (second_tag, second) = (
            self.run(root, etag_and_digest),
            self.run(root, etag_and_digest),
        )
        assert first_tag == second_tag
        assert first_tag is None or first == second

    def test_etag_is_the_same_in_another_process(self, tmp_path: Path) -> None:
        manifest = asyncio.run(trees.manifest_of(trees.mixed(tmp_path / "photos")))
        tag = self._facts(manifest).etag
        assert tag is None or tag == etag_in_subprocess(self, manifest)

    @pytest.mark.parametrize("change", faults.MODIFICATIONS)
    def test_different_bytes_have_different_etags(self, tmp_path: Path, change: Change) -> None:
        root = trees.mixed(tmp_path / "photos")

        tag, digest = self.run(root, etag_and_digest)
        change(root)
        tag_changed, digest_changed = self.run(root, etag_and_digest)
        assert tag is None or tag != tag_changed or digest == digest_changed

    def test_last_modified_is_not_before_last_change(self, tmp_path: Path) -> None:
        manifest = asyncio.run(trees.manifest_of(trees.mixed(tmp_path / "photos")))
        info, changed_s = self._facts(manifest), (manifest.ctime_ns or 0) // 10**9
        assert info.last_modified is None or isinstance(info.last_modified, int)
        # not the newest mtime, because it stays the same when an older file replaces another
        assert info.last_modified is None or info.last_modified >= changed_s
        assert info.etag is None or re.fullmatch(r"[\x21\x23-\x7e]+", info.etag)  # RFC 9110 8.8.3, ASCII only

    def test_last_modified_of_undated_manifest_is_none(self, tmp_path: Path) -> None:
        manifest = asyncio.run(trees.manifest_of(trees.mixed(tmp_path / "photos")))
        for undated in (replace(manifest, ctime_ns=None), replace(manifest, has_last_modified=False)):
            assert self._facts(undated).last_modified is None

    def test_range_is_slice_of_whole(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")
        entire = self.run(root, whole)
        for start, stop in _some_ranges(len(entire)):

            async def part(archive: Archive, start: int = start, stop: int = stop) -> bytes | None:
                if archive.info.length is None:
                    return None
                return b"".join(await chunks_of(archive, ByteRange(start, stop)))

            assert self.run(root, part) in (None, entire[start:stop])

    def test_several_ranges_of_one_archive(self, tmp_path: Path) -> None:
        """In any order and overlapping, like in a request for several ranges."""
        root = trees.mixed(tmp_path / "photos")
        entire = self.run(root, whole)
        ranges = [ByteRange(*bounds) for bounds in reversed(_some_ranges(len(entire)))]

        async def wrong_ranges(archive: Archive) -> list[ByteRange]:
            requested = ranges if archive.info.length is not None else []
            bodies = [b"".join(await chunks_of(archive, byte_range)) for byte_range in requested]
            return [
                byte_range
                for byte_range, body in zip(requested, bodies, strict=True)
                if body != entire[byte_range.start : byte_range.stop]
            ]

        assert self.run(root, wrong_ranges) == []

    def _facts(self, manifest: Manifest) -> ArchiveInfo:
        async def open_archive() -> ArchiveInfo:
            return (await self.make_backend().open(manifest)).info

        return self.run_async(open_archive())


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


async def etag_and_digest(archive: Archive) -> tuple[str | None, str]:
    """Return the etag and a hash of the bytes: pytest takes minutes to show the difference of megabytes."""
    return archive.info.etag, hashlib.sha256(await whole(archive)).hexdigest()
