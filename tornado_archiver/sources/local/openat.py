"""Opening files beneath a directory, like openat2(2) with RESOLVE_BENEATH, safe against concurrent renames.

Every part of a path is opened relative to the descriptor of its parent, with O_NOFOLLOW. So the kernel
refuses a symlink that replaces a file or a directory, at the moment of opening.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from tornado_archiver.errors import ArchiverError, BackendError, SourceGoneError, SourceUnreadableError
from tornado_archiver.sources.local.access import describe, retry_after_s

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK, because opening a pipe that replaces a file would block the thread until a process writes to it
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_MAX_KEPT = 32
CHANGED_ERRNOS = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE}
RESOURCE_ERRNOS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # limits of this process, not of the source


def open_directory(root_fd: int, path: bytes) -> int:
    """Return a descriptor of the directory `path`: relative, parts joined by `/`, b"" for the root.

    Raise OSError.
    """
    parent_fd = os.open(b".", _DIRECTORY, dir_fd=root_fd)
    for part in path.split(b"/") if path else ():
        try:
            dir_fd = os.open(part, _DIRECTORY, dir_fd=parent_fd)
        finally:
            os.close(parent_fd)
        parent_fd = dir_fd
    return parent_fd


@contextmanager
def directory_fd(root_fd: int, path: bytes) -> Iterator[int]:
    """Open a directory like `open_directory` for the duration of the context."""
    dir_fd = open_directory(root_fd, path)
    try:
        yield dir_fd
    finally:
        os.close(dir_fd)


class OpenDirectories:
    """A stack of open directories beneath `root_fd`, which the caller owns.

    The ancestors of the last directory stay open, so that each directory of a tree takes one open in
    depth-first order. Opened from the root, it would take one open for each level. Only the last _MAX_KEPT
    stay open; a path that shares none of them is opened from the root. `..` is never opened, because it leads
    out of the tree after a directory was moved.
    """

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._last_path = b""
        self._last_fd = root_fd
        self._kept: deque[tuple[bytes, int]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, path: bytes) -> int:
        """Return a descriptor of the directory `path` (as for `open_directory`), valid until the next call.

        This object owns the descriptor. Raise OSError.
        """
        if path != self._last_path:
            self._close_beside(path)
            self._open_beneath(path)
        return self._last_fd

    def close(self) -> None:
        while self._kept:
            os.close(self._kept.pop()[1])
        self._last_path, self._last_fd = b"", self._root_fd

    def _close_beside(self, path: bytes) -> None:
        """Close the directories that are not ancestors of `path`."""
        while self._kept and path != self._last_path and not path.startswith(self._last_path + b"/"):
            os.close(self._kept.pop()[1])
            self._last_path, self._last_fd = self._kept[-1] if self._kept else (b"", self._root_fd)

    def _open_beneath(self, path: bytes) -> None:
        for part in path[len(self._last_path) :].strip(b"/").split(b"/"):
            if part:
                dir_fd = os.open(part, _DIRECTORY, dir_fd=self._last_fd)
                self._last_path = self._last_path + b"/" + part if self._last_path else part
                self._last_fd = dir_fd
                self._kept.append((self._last_path, dir_fd))
            if len(self._kept) > _MAX_KEPT:
                os.close(self._kept.popleft()[1])


def open_file(dir_fd: int, name: bytes) -> int:
    """Return a descriptor of the file `name` in the directory. Raise OSError, ELOOP for a symlink."""
    try:
        return os.open(name, _FILE, dir_fd=dir_fd)
    except BlockingIOError:
        return _open_leased(dir_fd, name)


def _open_leased(dir_fd: int, name: bytes) -> int:
    """Open a file that another process, such as Samba, holds a lease on (fcntl(2), Leases).

    The kernel asks the holder to release the lease, and an open without O_NONBLOCK waits for that. Only for
    regular files, because opening a pipe would wait indefinitely.
    """
    path_fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        if not stat.S_ISREG(os.fstat(path_fd).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return os.open(b"/proc/self/fd/%d" % path_fd, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(path_fd)


def resolve_beneath(root_fd: int, dir_fd: int, name: bytes) -> bytes | None:
    """Return the path beneath `root_fd` that `name` in `dir_fd` resolves to; None if it is outside.

    The kernel follows the symlinks, so that its limit of 40 applies (path_resolution(7)), and opens only the
    path (O_PATH). Raise OSError.
    """
    target = os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        path = _fd_path(target)
    finally:
        os.close(target)
    root = _fd_path(root_fd).rstrip(b"/") + b"/"
    return path.removeprefix(root) if path.startswith(root) else None


def is_outside(root_fd: int, dir_fd: int, name: bytes) -> bool:
    """Return whether the text of the symlink `name` in `dir_fd` points outside `root_fd`.

    For a symlink that cannot be resolved. Raise OSError.
    """
    text = os.path.join(_fd_path(dir_fd), os.readlink(name, dir_fd=dir_fd))
    return not os.path.normpath(text).startswith(_fd_path(root_fd).rstrip(b"/") + b"/")


def _fd_path(fd: int) -> bytes:
    return os.readlink(b"/proc/self/fd/%d" % fd)


@contextmanager
def translate_errors(member_name: str) -> Iterator[None]:
    """Raise an error of the service in place of an OSError about a member."""
    try:
        yield
    except OSError as error:
        raise to_source_error(member_name, error) from error


def to_source_error(member_name: str, error: OSError) -> ArchiverError:
    """Return the error of the service for an OSError about a member."""
    reason = os.strerror(error.errno or 0)
    if error.errno in CHANGED_ERRNOS:
        return SourceGoneError(f"{member_name!r} is gone or was replaced: {reason}")
    if error.errno in RESOURCE_ERRNOS:
        text = f"{member_name!r} could not be opened: {reason} (raise the limit, or serve less)"
        return BackendError(text, retry_after_s=retry_after_s(error))
    text = f"{member_name!r} cannot be read: {describe(error)}"
    return SourceUnreadableError(text, retry_after_s=retry_after_s(error))
