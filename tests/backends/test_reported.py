"""The conformance suite, over directories with an unreadable file."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends import test_conformance
from tornado_archiver.errors import SourceUnreadableError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalReader, LocalStorage
from tornado_archiver.sources.local.unreadable import REPORT_NAME, SourceWithReport, skip_unreadable
from tornado_archiver.testing import base, trees
from tornado_archiver.testing.members import Member, promised

_UNREADABLE = b"unreadable"
_open = LocalReader.open_fd


def _refusing(reader: LocalReader, entry: Entry) -> int:
    if entry.source_key == _UNREADABLE:
        raise SourceUnreadableError(f"{entry.member_name!r} cannot be read")
    return _open(reader, entry)


async def _manifest_of(root: Path, selection: SourceFilter | None = None) -> Manifest:
    if any(path.is_file() for path in root.rglob("*")):
        trees.write(root / _UNREADABLE.decode(), b"")
    return await LocalStorage(root.parent, selection or SourceFilter(), skip_unreadable).scan(root.name)


def _promised_with_report(manifest: Manifest, *, directory_times: bool = True) -> dict[str, Member]:
    if not isinstance(manifest.source, SourceWithReport):
        return promised(manifest, directory_times=directory_times)
    report = manifest.source.report
    on_disk = tuple(entry for entry in manifest.entries if entry != report)
    member = Member(manifest.source.text, report.mode, report.mtime_ns // 10**9)
    return {REPORT_NAME: member} | promised(
        replace(manifest, entries=on_disk), directory_times=directory_times
    )


class _WithReport:
    @pytest.fixture(autouse=True)
    def _unreadable_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalReader, "open_fd", _refusing)
        monkeypatch.setattr(trees, "manifest_of", _manifest_of)
        monkeypatch.setattr(base, "promised", _promised_with_report)


class TestInfoZip(_WithReport, test_conformance.TestInfoZip):
    pass


class TestStoredZipAboveTheThreshold(_WithReport, test_conformance.TestStoredZipAboveTheThreshold):
    pass
