"""An open file on a local disk, and the checks that it is unchanged since the scan."""

import errno
import os
import stat
from collections.abc import Hashable
from functools import cached_property

from tornado_archiver.errors import SourceChangedError, SourceGoneError
from tornado_archiver.source import Chunk, Entry, FileSlice, SourceFile
from tornado_archiver.sources.local.openat import translate_errors

_PROBE_STEP_BYTES = 1024 * 1024


class LocalFile(SourceFile):
    """The open file of `entry`; owns the descriptor `fd`."""

    def __init__(self, entry: Entry, fd: int) -> None:
        status = os.fstat(fd)
        self._entry = entry
        self._fd = fd
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
        blocks = []
        with translate_errors(self._entry.member_name):
            while start < stop:
                block = os.pread(self._fd, stop - start, start)
                if not block:
                    raise SourceChangedError(f"{self._entry.member_name!r} shrank while it was read")
                blocks.append(block)
                start += len(block)
        return b"".join(blocks)

    @cached_property
    def is_cached(self) -> bool:  # type: ignore[override]
        """Whether the kernel reports which pages of the file are in memory (RWF_NOWAIT, preadv2(2)).

        It does not for FUSE, 9P and others. They may cache nothing, so that `sendfile` would read each byte
        again and block the event loop.
        """
        return self._is_in_memory(0) is not None

    def slice(self, prefix: bytes, start: int, stop: int) -> Chunk:
        if not self.is_cached:
            return prefix + self.read(start, stop)
        for position in range(start, stop, _PROBE_STEP_BYTES):
            end = min(position + _PROBE_STEP_BYTES, stop)
            if not self._is_in_memory(end - 1):  # the last byte only, because readahead covers the others
                self.read(position, end)  # so that `sendfile` does not block the event loop
        return FileSlice(prefix, self._fd, start, stop)

    def _is_in_memory(self, position: int) -> bool | None:
        """Return whether the byte is in memory; None if the file system does not report it."""
        try:
            os.preadv(self._fd, [bytearray(1)], position, os.RWF_NOWAIT)
        except OSError as error:
            return False if error.errno == errno.EAGAIN else None
        return True

    def verify(self) -> None:
        check_end(self._entry, self._opened, self._fd)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._fd)


def check_end(entry: Entry, opened: os.stat_result, fd: int) -> None:
    """Raise SourceChangedError unless the file is unchanged since `opened`, and ends at its size.

    Raise SourceUnreadableError if reading fails.
    """
    with translate_errors(entry.member_name):
        excess = os.pread(fd, 1, entry.size)
        status = os.fstat(fd)  # after pread, so that a file that grew meanwhile has another size
    verify_unchanged(entry, opened, status)
    if excess:
        raise longer_than_its_size(entry)


def longer_than_its_size(entry: Entry) -> SourceChangedError:
    """Return the error for a file with more content than its size."""
    return SourceChangedError(
        f"{entry.member_name!r} holds more than the {entry.size} bytes of its size, like a file in"
        " /proc or a Google Doc in an rclone mount: move it out of the directory, or have the mount hide it"
    )


def verify_unchanged(entry: Entry, opened: os.stat_result, status: os.stat_result) -> None:
    """Raise SourceChangedError unless `status` is that of the entry and of the file as it was opened.

    ctime is compared, because a program that rewrites a file can set back its mtime (touch -r, exiftool -P)
    but not its ctime. ctime also changes when a hard link is added or removed, which does not alter the
    content.
    """
    verify_stat(entry, status)
    if status.st_nlink == opened.st_nlink:
        verify_ctime(entry, status, opened.st_ctime_ns)


def verify_ctime(entry: Entry, status: os.stat_result, changed_ns: int) -> None:
    """Raise SourceChangedError for a file with a ctime after `changed_ns`, nanoseconds since the epoch."""
    if status.st_ctime_ns > changed_ns and not entry.is_directory:
        raise SourceChangedError(f"{entry.member_name!r} was modified while it was packed")


def verify_stat(entry: Entry, status: os.stat_result) -> None:
    """Raise SourceChangedError unless `status` is that of the entry.

    Only the type of a directory is compared, because its times change whenever an entry is added.
    """
    if stat.S_IFMT(status.st_mode) != (stat.S_IFDIR if entry.is_directory else stat.S_IFREG):
        raise SourceGoneError(f"{entry.member_name!r} was replaced by something else")
    if (status.st_size, status.st_mtime_ns) != (entry.size, entry.mtime_ns) and not entry.is_directory:
        raise SourceChangedError(f"{entry.member_name!r} changed: it has another size or modification time")
