"""`--on-unreadable report`: an archive without the unreadable files, and with a text that lists them.

The list is made before the response headers, so that length and validators are correct. A file that becomes
unreadable later aborts the download.
"""

import hashlib
import logging
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tornado_archiver.errors import ArchiverError, SourceGoneError, SourceUnreadableError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.file import LocalFile
from tornado_archiver.sources.local.openat import translate_errors
from tornado_archiver.sources.local.storage import LocalReader, LocalSource, unopenable
from tornado_archiver.sources.local.walk import WalkResult, without
from tornado_archiver.sources.member_names import unique_name

log = logging.getLogger(__name__)

REPORT_NAME = "UNREADABLE.txt"
_EXPLANATION = "These files and directories are missing from this archive, because they could not be read:"
_SOURCE_NAME = b"\0"  # source key of the report, which cannot be a file name
_NS_PER_S = 1_000_000_000
_SHOWN_NAMES = 5
_SHOWN_CHARACTERS = 6  # of the directory's name, because it gives access to it


def skip_unreadable(source: LocalSource, walked: WalkResult) -> Manifest:
    """Return the manifest without unreadable files and with a report of them: a policy of `LocalStorage`."""
    failed = dict(unopenable(source, walked.entries))
    errors = {name: error for name, error in failed.items() if not isinstance(error, SourceGoneError)}
    left_out = {**walked.unreadable_dirs, **errors}
    kept = without({*left_out, *failed}, walked.entries)
    if not left_out:
        return Manifest(kept, source, walked.changed_ns)
    if all(entry.is_directory for entry in kept):
        raise _nothing_readable(left_out)
    log.warning("%r: skipped (unreadable): %s", _shorten(source.name), _describe(left_out))
    text = "\n".join((_EXPLANATION, *sorted(left_out), "")).encode()
    report = _report_entry(walked.entries, text)
    reported = SourceWithReport(source.root, source.name, report, text)
    # without a date, because the permissions of this process can change too, and no timestamp shows that
    entries = tuple(sorted([*kept, report]))
    return Manifest(entries, reported, ctime_ns=None, report_name=report.member_name)


def _nothing_readable(left_out: Mapping[str, ArchiverError]) -> SourceUnreadableError:
    retries = [error.retry_after_s for error in left_out.values()]
    retry_after_s = None if None in retries else max(filter(None, retries))
    return SourceUnreadableError(f"no file can be read: {_describe(left_out)}", retry_after_s=retry_after_s)


def _report_entry(entries: Collection[Entry], text: bytes) -> Entry:
    """Return the entry of the report, which is the same on every host.

    Its time is the newest of all entries, in whole seconds. The fraction is a hash of the text, so that texts
    of the same size give different etags. It is not visible in an archive.
    """
    name = unique_name(REPORT_NAME, (entry.member_name.rstrip("/") for entry in entries))
    newest_s = max(entry.mtime_ns for entry in entries) // _NS_PER_S
    fraction = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest()) % _NS_PER_S
    return Entry(name, _SOURCE_NAME, len(text), newest_s * _NS_PER_S + fraction, 0o644)


def _describe(left_out: Mapping[str, ArchiverError]) -> str:
    """Return the first names, for the log, and the error of the first."""
    names = sorted(left_out)
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"{', '.join(map(repr, names[:_SHOWN_NAMES]))}{more}; {left_out[names[0]]}"


def _shorten(name: bytes) -> str:
    text = os.fsdecode(name)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


@dataclass(frozen=True, slots=True)
class SourceWithReport(LocalSource):
    """A directory with one additional file: `report`, with the content `text`."""

    report: Entry
    text: bytes

    def reader(self) -> "ReaderWithReport":
        return ReaderWithReport(self)


class ReaderWithReport(LocalReader):
    """Reads the report from a memfd_create(2) file, because subprocesses and sendfile need a descriptor."""

    def __init__(self, source: SourceWithReport) -> None:
        super().__init__(source)
        self._report_source = source

    def open_fd(self, entry: Entry) -> int:
        if entry.source_key != _SOURCE_NAME:
            return super().open_fd(entry)
        return _memfd(entry, self._report_source.text)

    def open_file(self, entry: Entry) -> LocalFile:
        content = super().open_file(entry)
        if entry.source_key == _SOURCE_NAME:
            content.cache_key = self._report_source.text  # because each memfd is another file
        return content

    def read_all(self, entry: Entry) -> bytes:
        return super().read_all(entry) if entry.source_key != _SOURCE_NAME else self._report_source.text

    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        on_disk = (entry for entry in entries if entry.source_key != _SOURCE_NAME)
        super().verify(on_disk, changed_ns)


def _memfd(entry: Entry, text: bytes) -> int:
    """Return the descriptor of a file in memory, with the entry's content, mode and time."""
    with translate_errors(entry.member_name):
        fd = os.memfd_create("report")
        try:
            with os.fdopen(fd, "wb", closefd=False) as file:
                file.write(text)
                file.seek(0)
            os.fchmod(fd, entry.mode)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        except BaseException:
            os.close(fd)
            raise
        return fd
