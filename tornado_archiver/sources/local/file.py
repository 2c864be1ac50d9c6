"""The open content of a file on a local disk."""

import errno
import os
import stat
from collections.abc import Hashable
from functools import cached_property

from tornado_archiver.errors import SourceChangedError, SourceGoneError
from tornado_archiver.source import Chunk, Entry, FileSlice, SourceFile
from tornado_archiver.sources.local.openat import translate_errors

_PROBE_STEP = 1024 * 1024


class LocalFile(SourceFile):
    """Owns `descriptor`, which was opened for `entry`."""

    def __init__(self, entry: Entry, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self._entry = entry
        self._descriptor = descriptor
        self._is_open = True
        self._opened = status
        self.cache_key: Hashable = (
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )

    def read(self, start: int, stop: int) -> bytes:
        parts = []
        with translate_errors(self._entry.member_name):
            while start < stop:
                part = os.pread(self._descriptor, stop - start, start)
                if not part:
                    raise SourceChangedError(f"{self._entry.member_name!r} shrank while it was read")
                parts.append(part)
                start += len(part)
        return b"".join(parts)

    @cached_property
    def is_cached(self) -> bool:  # type: ignore[override]
        """Whether the kernel tells which pages of the file are in memory (RWF_NOWAIT, preadv2(2)).

        It does not for FUSE, 9P and others, which may keep none: `sendfile` would then read each byte once
        more, and the event loop would wait for that.
        """
        return self._is_in_memory(0) is not None

    def slice(self, head: bytes, start: int, stop: int) -> Chunk:
        if not self.is_cached:
            return head + self.read(start, stop)
        for position in range(start, stop, _PROBE_STEP):
            end = min(position + _PROBE_STEP, stop)
            if not self._is_in_memory(end - 1):  # its neighbours were read along with it
                self.read(position, end)  # by this thread, rather than by the event loop's in `sendfile`
        return FileSlice(head, self._descriptor, start, stop)

    def _is_in_memory(self, position: int) -> bool | None:
        """Whether the byte can be read without a wait for the disk; None when the file system cannot tell."""
        try:
            os.preadv(self._descriptor, [bytearray(1)], position, os.RWF_NOWAIT)
        except OSError as error:
            return False if error.errno == errno.EAGAIN else None
        return True

    def verify(self) -> None:
        check_end(self._entry, self._opened, self._descriptor)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)


def check_end(entry: Entry, opened: os.stat_result, descriptor: int) -> None:
    """Raise SourceChangedError unless the file is what it was when it was opened, and ends where its size
    says. Raise SourceUnreadableError if that cannot be read."""
    with translate_errors(entry.member_name):
        more = os.pread(descriptor, 1, entry.size)
        status = os.fstat(descriptor)  # after the reading: a file that has grown has another size by now
    verify_unchanged(entry, opened, status)
    if more:
        raise longer_than_its_size(entry)


def longer_than_its_size(entry: Entry) -> SourceChangedError:
    """The error for a file with content after the end that its status gives."""
    return SourceChangedError(
        f"{entry.member_name!r} holds more than the {entry.size} bytes that its size says, like a file in"
        " /proc or a Google Doc in an rclone mount: move it out of the directory, or have the mount hide it"
    )


def verify_unchanged(entry: Entry, opened: os.stat_result, status: os.stat_result) -> None:
    """Raise SourceChangedError unless the file is what it was when it was opened, and its status that.

    Who rewrites a file in place can set its mtime back (touch -r, exiftool -P), and its ctime never. That one
    moves as well when the file gets or loses a name, which does no harm to what is in it.
    """
    verify_stat(entry, status)
    if status.st_nlink == opened.st_nlink:
        verify_ctime(entry, status, opened.st_ctime_ns)


def verify_ctime(entry: Entry, status: os.stat_result, changed_ns: int) -> None:
    """Raise SourceChangedError for a file whose ctime is later than that (nanoseconds since the epoch)."""
    if status.st_ctime_ns > changed_ns and not entry.is_directory:
        raise SourceChangedError(f"{entry.member_name!r} was modified while it was packed")


def verify_stat(entry: Entry, status: os.stat_result) -> None:
    """Raise SourceChangedError unless `status` is that of the entry.

    A directory's time moves whenever something is put into it; only that it still is one matters.
    """
    if stat.S_IFMT(status.st_mode) != (stat.S_IFDIR if entry.is_directory else stat.S_IFREG):
        raise SourceGoneError(f"{entry.member_name!r} was replaced by something else")
    if (status.st_size, status.st_mtime_ns) != (entry.size, entry.mtime_ns) and not entry.is_directory:
        raise SourceChangedError(f"{entry.member_name!r} changed: it has another size or modification time")
