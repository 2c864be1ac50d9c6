"""`--on-unreadable report`: what cannot be read is left out, and a text in the archive lists it.

Both are settled before the head, so length and validators are true. What becomes unreadable later cuts the
download, as ever.
"""

import hashlib
import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tornado_archiver.errors import SourceGoneError, SourceUnreadableError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.file import LocalFile
from tornado_archiver.sources.local.openat import translate_errors
from tornado_archiver.sources.local.storage import LocalReader, LocalSource, LocalStorage, unopenable
from tornado_archiver.sources.local.walk import WalkResult, without
from tornado_archiver.sources.member_names import unique_name

log = logging.getLogger(__name__)

REPORT_NAME = "UNREADABLE.txt"
_EXPLANATION = "These files and directories are missing from this archive, because they could not be read:"
_SOURCE_NAME = b"\0"  # the report's; nothing on a disk can be called so
_NS_PER_S = 1_000_000_000
_SHOWN_NAMES = 5
_SHOWN_CHARACTERS = 6  # of the source's name, which is the key to it


class ReportingStorage(LocalStorage):
    """The same directories, without what cannot be read in them and with a report of it."""

    def _build_manifest(self, source: LocalSource, walked: WalkResult) -> Manifest:
        failed = {
            name: isinstance(error, SourceGoneError) for name, error in unopenable(source, walked.entries)
        }
        left_out = {*walked.unreadable_dirs, *(name for name, is_gone in failed.items() if not is_gone)}
        kept = without({*left_out, *failed}, walked.entries)
        if not left_out:
            return Manifest(kept, source, walked.changed_ns)
        if all(entry.is_directory for entry in kept):
            raise SourceUnreadableError(f"not one of the files can be read: {_some(left_out)}")
        log.warning("%r: left out because it cannot be read: %s", _short(source.name), _some(left_out))
        text = "\n".join((_EXPLANATION, *sorted(left_out), "")).encode()
        report = _entry(walked.entries, text)
        reported = ReportedSource(source.root, source.name, report, text)
        # No date: what may be read changes with the rights of this service as well, which no file tells.
        return Manifest(tuple(sorted([*kept, report])), reported, ctime_ns=None)


def _entry(found: Collection[Entry], text: bytes) -> Entry:
    """The report's, the same on every host. Its time is the newest one to the second; as no archive shows
    more, the fraction stands for the text: two texts of one size are two archives, and need two etags."""
    name = unique_name(REPORT_NAME, (entry.member_name.rstrip("/") for entry in found))
    newest_s = max(entry.mtime_ns for entry in found) // _NS_PER_S
    fraction = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest()) % _NS_PER_S
    return Entry(name, _SOURCE_NAME, len(text), newest_s * _NS_PER_S + fraction, 0o644)


def _some(names: Collection[str]) -> str:
    """The first few, for the log."""
    shown = ", ".join(map(repr, sorted(names)[:_SHOWN_NAMES]))
    return shown if len(names) <= _SHOWN_NAMES else f"{shown} and {len(names) - _SHOWN_NAMES} more"


def _short(name: bytes) -> str:
    text = os.fsdecode(name)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


@dataclass(frozen=True, slots=True)
class ReportedSource(LocalSource):
    """A directory with one more file than is on the disk: `report`, with the content `text`."""

    report: Entry
    text: bytes

    def reader(self) -> "ReportedReader":
        return ReportedReader(self)


class ReportedReader(LocalReader):
    """The report is a file to whoever reads, programs and the kernel's sendfile among them: one in memory."""

    def __init__(self, source: ReportedSource) -> None:
        super().__init__(source)
        self._reported = source

    def __enter__(self) -> Self:
        self._memory = _in_memory(self._reported.report, self._reported.text)
        try:
            return super().__enter__()
        except BaseException:
            os.close(self._memory)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._memory)
        super().__exit__(kind, error, trace)

    def open_fd(self, entry: Entry) -> int:
        if entry.source_key != _SOURCE_NAME:
            return super().open_fd(entry)
        with translate_errors(entry.member_name):  # anew: each descriptor has a position of its own
            return os.open(b"/proc/self/fd/%d" % self._memory, os.O_RDONLY | os.O_CLOEXEC)

    def open_file(self, entry: Entry) -> LocalFile:
        file = super().open_file(entry)
        if entry.source_key == _SOURCE_NAME:
            file.cache_key = self._reported.text  # because each reader has another file of it in memory
        return file

    def read_all(self, entry: Entry) -> bytes:
        return super().read_all(entry) if entry.source_key != _SOURCE_NAME else self._reported.text

    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        on_disk = (entry for entry in entries if entry.source_key != _SOURCE_NAME)
        super().verify(on_disk, changed_ns)


def _in_memory(entry: Entry, text: bytes) -> int:
    """The descriptor of a file in memory, with the entry's content, mode and time."""
    with translate_errors(entry.member_name):
        descriptor = os.memfd_create("report")
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(text)
            os.fchmod(descriptor, entry.mode)
            os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor
