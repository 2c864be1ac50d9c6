"""What a backend does when the source is no longer what the manifest says."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from tornado_archiver.backend import Archive
from tornado_archiver.chunks import as_bytes
from tornado_archiver.errors import ArchiverError
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.footprint import Footprint
from tornado_archiver.testing.manners import MAX_AHEAD_BYTES
from tornado_archiver.testing.stage import Stage

Fault = Callable[[Path, Path], None]


class Changes(Stage):
    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_never_ends_well_after_a_change(self, tmp_path: Path, fault: Fault) -> None:
        root = _with_victim(tmp_path)

        async def changed(archive: Archive) -> bytes:
            fault(root, tmp_path / "outside")
            return await _until_error(archive)

        assert faults.SECRET not in self.run(root, changed)

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_never_ends_well_after_a_change_under_way(self, tmp_path: Path, fault: Fault) -> None:
        root = _with_victim(tmp_path)

        async def changed(archive: Archive) -> None:
            await _until_error(archive, after_first=lambda: fault(root, tmp_path / "outside"))

        self.run(root, changed)


async def _until_error(archive: Archive, after_first: Callable[[], None] | None = None) -> bytes:
    """What came before the ArchiverError that must come, and must leave nothing behind."""
    before, got = Footprint.now(), b""
    with pytest.raises(ArchiverError):
        async with aclosing(archive.chunks()) as chunks:
            async for chunk in chunks:
                if not got and after_first:
                    after_first()
                got += as_bytes(chunk)
    before.assert_unchanged()
    return got


def _with_victim(tmp_path: Path) -> Path:
    """More than may be read ahead, and at the end the file that something happens to."""
    root = trees.noisy(tmp_path / "photos", files=MAX_AHEAD_BYTES // 2**20 + 4, size=2**20)
    trees.write(root / faults.VICTIM, trees.noise(2**20, 99))
    return root
