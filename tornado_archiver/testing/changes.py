"""Conformance tests of an archive of which the source changes after the scan."""

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
_FEW = 2  # files before the target
_MORE_THAN_AHEAD = MAX_AHEAD_BYTES // _MIB + 4
_RESUMED_BYTES = _MIB // 2  # that remain to be sent, from the middle of the target unless it is empty


class SourceChangeTests(ConformanceBase):
    """Each change of the source has to raise an ArchiverError in time, and to release all resources."""

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_aborts_when_source_changes(self, tmp_path: Path, fault: Fault) -> None:
        self._change_before_packing(fault, _with_target(tmp_path, _FEW, _MIB))

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_aborts_when_source_changes_during_packing(self, tmp_path: Path, fault: Fault) -> None:
        self._change_during_packing(fault, _with_target(tmp_path, _MORE_THAN_AHEAD, _MIB))

    @pytest.mark.parametrize("fault", faults.FAULTS_OF_EMPTY)
    def test_aborts_when_empty_file_changes(self, tmp_path: Path, fault: Fault) -> None:
        self._change_before_packing(fault, _with_target(tmp_path, _FEW, 0))

    @pytest.mark.parametrize("fault", [faults.deleted, faults.grown, faults.replaced_by_link])
    def test_aborts_when_empty_file_changes_during_packing(self, tmp_path: Path, fault: Fault) -> None:
        self._change_during_packing(fault, _with_target(tmp_path, _MORE_THAN_AHEAD, 0))

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_range_aborts_when_source_changes(self, tmp_path: Path, fault: Fault) -> None:
        self._change_before_range(fault, _with_target(tmp_path, _FEW, _MIB))

    @pytest.mark.parametrize("fault", faults.FAULTS_OF_EMPTY)
    def test_range_aborts_when_empty_file_changes(self, tmp_path: Path, fault: Fault) -> None:
        self._change_before_range(fault, _with_target(tmp_path, _FEW, 0))

    def _change_before_packing(self, fault: Fault, root: Path) -> None:
        async def change(archive: Archive) -> None:
            fault(root, _outside(root))
            await _expect_error(archive)

        self.run(root, change)

    def _change_during_packing(self, fault: Fault, root: Path) -> None:
        async def change(archive: Archive) -> None:
            await _expect_error(archive, after_first_chunk=lambda: fault(root, _outside(root)))

        self.run(root, change)

    def _change_before_range(self, fault: Fault, root: Path) -> None:
        async def change(archive: Archive) -> None:
            if (length := archive.info.length) is not None:
                fault(root, _outside(root))
                await _expect_error(archive, ByteRange(length - _RESUMED_BYTES, length))

        self.run(root, change)


async def _expect_error(
    archive: Archive,
    byte_range: ByteRange | None = None,
    after_first_chunk: Callable[[], None] | None = None,
) -> None:
    """Fail unless the archive raises an ArchiverError in time, without a secret and without a leak."""
    before, body = ResourceSnapshot.now(), b""
    with pytest.raises(ArchiverError) as caught:
        async with aclosing(archive.chunks(byte_range)) as chunks:
            async for chunk in chunks:
                if not body and after_first_chunk:
                    after_first_chunk()
                body += read_chunk(chunk)
    message = str(caught.value)
    del caught  # because its frames can hold open resources
    before.assert_unchanged()
    length = byte_range.length if byte_range else archive.info.length
    assert length is None or len(body) < length, "the error came after the last byte: no client detects it"
    assert trees.SOURCE not in message, "the error contains the name of the source directory, which is secret"
    assert faults.SECRET not in body, "a file outside the directory was packed"


def _with_target(tmp_path: Path, files: int, size: int) -> Path:
    """Create `files` files of 1 MiB, and after them the target of the change."""
    root = trees.noisy(tmp_path / "photos", files=files, size=_MIB)
    trees.write(root / faults.TARGET, trees.noise(size, 99))
    return root


def _outside(root: Path) -> Path:
    return root.parent.parent / "outside"
