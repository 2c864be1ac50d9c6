"""What a backend does when the source is no longer what the manifest says."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from tornado_archiver.backend import Archive, ByteRange
from tornado_archiver.errors import ArchiverError
from tornado_archiver.source import read_chunk
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.base import ConformanceBase
from tornado_archiver.testing.lifecycle import MAX_AHEAD_BYTES
from tornado_archiver.testing.probes import ResourceSnapshot

Fault = Callable[[Path, Path], None]

_MIB = 1024 * 1024
_FEW = 2  # files before the victim
_MORE_THAN_AHEAD = MAX_AHEAD_BYTES // _MIB + 4
_RESUMED_BYTES = _MIB // 2  # what is left to send, from the midst of the victim unless that is empty


class SourceChangeTests(ConformanceBase):
    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_aborts_when_source_changes(self, tmp_path: Path, fault: Fault) -> None:
        self._changes_before(fault, _with_victim(tmp_path, _FEW, _MIB))

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_aborts_when_source_changes_under_way(self, tmp_path: Path, fault: Fault) -> None:
        self._changes_under_way(fault, _with_victim(tmp_path, _MORE_THAN_AHEAD, _MIB))

    @pytest.mark.parametrize("fault", faults.FAULTS_OF_EMPTY)
    def test_aborts_when_source_changes_of_nothing(self, tmp_path: Path, fault: Fault) -> None:
        self._changes_before(fault, _with_victim(tmp_path, _FEW, 0))

    @pytest.mark.parametrize("fault", [faults.deleted, faults.grown, faults.replaced_by_link])
    def test_aborts_when_source_changes_of_nothing_under_way(self, tmp_path: Path, fault: Fault) -> None:
        self._changes_under_way(fault, _with_victim(tmp_path, _MORE_THAN_AHEAD, 0))

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_range_aborts_after_a_change(self, tmp_path: Path, fault: Fault) -> None:
        self._changes_before_resuming(fault, _with_victim(tmp_path, _FEW, _MIB))

    @pytest.mark.parametrize("fault", faults.FAULTS_OF_EMPTY)
    def test_range_aborts_after_a_change_of_nothing(self, tmp_path: Path, fault: Fault) -> None:
        self._changes_before_resuming(fault, _with_victim(tmp_path, _FEW, 0))

    def _changes_before(self, fault: Fault, root: Path) -> None:
        async def changed(archive: Archive) -> None:
            fault(root, _outside(root))
            await _until_error(archive)

        self.run(root, changed)

    def _changes_under_way(self, fault: Fault, root: Path) -> None:
        async def changed(archive: Archive) -> None:
            await _until_error(archive, after_first=lambda: fault(root, _outside(root)))

        self.run(root, changed)

    def _changes_before_resuming(self, fault: Fault, root: Path) -> None:
        async def changed(archive: Archive) -> None:
            if (length := archive.info.length) is not None:
                fault(root, _outside(root))
                await _until_error(archive, ByteRange(length - _RESUMED_BYTES, length))

        self.run(root, changed)


async def _until_error(
    archive: Archive, wanted: ByteRange | None = None, after_first: Callable[[], None] | None = None
) -> None:
    """The ArchiverError that must come, comes in time, tells no secret and leaves nothing behind."""
    before, got = ResourceSnapshot.now(), b""
    with pytest.raises(ArchiverError) as caught:
        async with aclosing(archive.chunks(wanted)) as chunks:
            async for chunk in chunks:
                if not got and after_first:
                    after_first()
                got += read_chunk(chunk)
    told = str(caught.value)
    del caught  # and with it the frames in which something may still be open
    before.assert_unchanged()
    length = wanted.stop - wanted.start if wanted else archive.info.length
    assert length is None or len(got) < length, "an error after the last promised byte reaches nobody"
    assert trees.SOURCE not in told, "an error names the source directory, and that is the key to it"
    assert faults.SECRET not in got, "what lies outside of the directory was packed"


def _with_victim(tmp_path: Path, files: int, size: int) -> Path:
    """So many files of 1 MiB, and at the end the one that something happens to."""
    root = trees.noisy(tmp_path / "photos", files=files, size=_MIB)
    trees.write(root / faults.TARGET, trees.noise(size, 99))
    return root


def _outside(root: Path) -> Path:
    return root.parent.parent / "outside"
