"""`--on-unreadable report`: unreadable files are left out, and a text in the archive lists them.

Both are fixed before the response headers, so length and validators are true. A file that becomes unreadable
later aborts the download.
"""

import hashlib
import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tornado_archiver.errors import SourceGoneError, SourceUnreadableError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.file import LocalFile
from tornado_archiver.sources.local.openat import translate_errors
from tornado_archiver.sources.local.storage import LocalReader, LocalSource, unopenable
from tornado_archiver.sources.local.walk import WalkResult, without
from tornado_archiver.sources.member_names import unique_name

log = logging.getLogger(__name__)

REPORT_NAME = "UNREADABLE.txt"
_EXPLANATION = "These files and directories are missing from this archive, because they could not be read:"
_SOURCE_NAME = b"\0"  # of the report; no file on a disk can have it
_NS_PER_S = 1_000_000_000
_SHOWN_NAMES = 5
_SHOWN_CHARACTERS = 6  # of the directory's name, because it gives access to it


def skip_unreadable(source: LocalSource, walked: WalkResult) -> Manifest:
    """Return the manifest without unreadable files and with a report of them: a policy for `LocalStorage`."""
    failed = {name: isinstance(error, SourceGoneError) for name, error in unopenable(source, walked.entries)}
    left_out = {*walked.unreadable_dirs, *(name for name, is_gone in failed.items() if not is_gone)}
    kept = without({*left_out, *failed}, walked.entries)
    if not left_out:
        return Manifest(kept, source, walked.changed_ns)
    if all(entry.is_directory for entry in kept):
        raise SourceUnreadableError(f"not one of the files can be read: {_abbreviate(left_out)}")
    log.warning("%r: left out because it cannot be read: %s", _shorten(source.name), _abbreviate(left_out))
    text = "\n".join((_EXPLANATION, *sorted(left_out), "")).encode()
    report = _report_entry(walked.entries, text)
    reported = SourceWithReport(source.root, source.name, report, text)
    # without a date, because the rights of this service, which no file's time shows, may change as well
    return Manifest(tuple(sorted([*kept, report])), reported, ctime_ns=None)


def _report_entry(found: Collection[Entry], text: bytes) -> Entry:
    """Return the same entry on every host.

    Its time is the newest one to the second. The fraction, which no archive shows, is a hash of the text,
    because two texts of one size are two archives and need two etags.
    """
    name = unique_name(REPORT_NAME, (entry.member_name.rstrip("/") for entry in found))
    newest_s = max(entry.mtime_ns for entry in found) // _NS_PER_S
    fraction = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest()) % _NS_PER_S
    return Entry(name, _SOURCE_NAME, len(text), newest_s * _NS_PER_S + fraction, 0o644)


def _abbreviate(names: Collection[str]) -> str:
    """Return the first few, for the log."""
    shown = ", ".join(map(repr, sorted(names)[:_SHOWN_NAMES]))
    return shown if len(names) <= _SHOWN_NAMES else f"{shown} and {len(names) - _SHOWN_NAMES} more"


def _shorten(name: bytes) -> str:
    text = os.fsdecode(name)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


@dataclass(frozen=True, slots=True)
class SourceWithReport(LocalSource):
    """A directory with one more file than is on the disk: `report`, with the content `text`."""

    report: Entry
    text: bytes

    def reader(self) -> "ReaderWithReport":
        return ReaderWithReport(self)


class ReaderWithReport(LocalReader):
    """Reads the report from a file in memory (memfd_create(2)), because programs and sendfile need one."""

    def __init__(self, source: SourceWithReport) -> None:
        super().__init__(source)
        self._reported = source

    def open_fd(self, entry: Entry) -> int:
        if entry.source_key != _SOURCE_NAME:
            return super().open_fd(entry)
        return _memfd(entry, self._reported.text)

    def open_file(self, entry: Entry) -> LocalFile:
        content = super().open_file(entry)
        if entry.source_key == _SOURCE_NAME:
            content.cache_key = self._reported.text  # because each memfd is another file
        return content

    def read_all(self, entry: Entry) -> bytes:
        return super().read_all(entry) if entry.source_key != _SOURCE_NAME else self._reported.text

    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        on_disk = (entry for entry in entries if entry.source_key != _SOURCE_NAME)
        super().verify(on_disk, changed_ns)


def _memfd(entry: Entry, text: bytes) -> int:
    """Return the descriptor of a file in memory, with the entry's content, mode and time."""
    with translate_errors(entry.member_name):
        descriptor = os.memfd_create("report")
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(text)
                file.seek(0)
            os.fchmod(descriptor, entry.mode)
            os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor
