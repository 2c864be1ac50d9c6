"""Conformance tests of the contents of an archive."""

import asyncio
import os
from pathlib import Path

from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.testing import trees
from tornado_archiver.testing.base import ConformanceBase, whole


class ContentTests(ConformanceBase):
    def test_members_match_manifest(self, tmp_path: Path) -> None:
        self._round_trip(trees.mixed(tmp_path / "photos"), tmp_path)

    def test_hostile_names(self, tmp_path: Path) -> None:
        self._round_trip(trees.hostile(tmp_path / "photos"), tmp_path)

    def test_many_members(self, tmp_path: Path) -> None:
        self._round_trip(trees.noisy(tmp_path / "photos", files=1500, size=300), tmp_path)

    def test_times_outside_the_range_of_formats(self, tmp_path: Path) -> None:
        """Times before 1970 and after 2106 may change, but nothing else."""
        root = trees.mixed(tmp_path / "photos")
        os.utime(root / "1.jpg", (0, -315_000_000))
        os.utime(root / "2.jpg", (0, 2**32 + 1))
        self.compare(root, self.run(root, whole), tmp_path / "out", times=False)

    def test_single_empty_directory(self, tmp_path: Path) -> None:
        root = tmp_path / "photos" / trees.SOURCE
        (root / "void").mkdir(parents=True)
        trees.settle_directories(root)
        self._round_trip(root, tmp_path)

    def test_followed_link_is_packed_as_its_target(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")
        (root / "link.jpg").symlink_to("1.jpg")
        (root / "linked").symlink_to("a")
        trees.settle_directories(root)
        self._round_trip(root, tmp_path, SourceFilter(follow_symlinks=True))

    def test_two_archives_at_once(self, tmp_path: Path) -> None:
        first, second = trees.mixed(tmp_path / "one"), trees.noisy(tmp_path / "two", files=9, size=200_000)

        async def both() -> tuple[bytes, bytes]:
            backend = self.make_backend()
            archives = [await backend.open(await trees.manifest_of(root)) for root in (first, second)]
            one, two = await asyncio.gather(*(whole(archive) for archive in archives))
            return one, two

        for number, (root, data) in enumerate(zip((first, second), self.run_async(both()), strict=True)):
            self.compare(root, data, tmp_path / f"out{number}")

    def _round_trip(self, root: Path, tmp_path: Path, source_filter: SourceFilter | None = None) -> None:
        async def pack() -> bytes:
            archive = await self.make_backend().open(await trees.manifest_of(root, source_filter))
            return await whole(archive)

        self.compare(root, self.run_async(pack()), tmp_path / "out", source_filter)
