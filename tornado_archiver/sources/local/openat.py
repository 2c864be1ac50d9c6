"""Opening files beneath a directory, whatever somebody does to the names meanwhile.

Every part of a path is opened relative to the descriptor of the part before it, with O_NOFOLLOW: a link
put in place of a file or a directory is refused by the kernel, at the moment of opening.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from tornado_archiver.errors import ArchiverError, BackendError, SourceGoneError, SourceUnreadableError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe put in place of a file must not hold the thread until somebody writes to it
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_MAX_KEPT = 32
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE}
RESOURCE_ERRNOS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # this process's limits, not the source's fault


def open_directory(root_fd: int, path: bytes) -> int:
    """A descriptor of the directory `path` (relative, parts joined by `/`, b"" for itself); OSError."""
    descriptor = os.open(b".", _DIRECTORY, dir_fd=root_fd)
    for part in path.split(b"/") if path else ():
        try:
            following = os.open(part, _DIRECTORY, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = following
    return descriptor


@contextmanager
def directory_fd(root_fd: int, path: bytes) -> Iterator[int]:
    """`open_directory`, closed at the end."""
    descriptor = open_directory(root_fd, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class OpenDirectories:
    """Opens directories beneath the one that descriptor `root` (the caller's) stands for.

    Keeps those open that lead to the last one. So each directory of a tree takes one open in depth-first
    order, where from the root it would take as many as it is deep. Of very deep ones only the last
    _MAX_KEPT stay open; a way back that leads further up begins at the root again. It never goes up by `..`,
    which leads out of the tree once a directory has been moved.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._last_path = b""
        self._last = root
        self._kept: deque[tuple[bytes, int]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, path: bytes) -> int:
        """Return a descriptor of the directory `path` (as for `open_directory`), which stays this object's
        and is good until the next call. OSError."""
        if path != self._last_path:
            self._close_beside(path)
            self._open_beneath(path)
        return self._last

    def close(self) -> None:
        while self._kept:
            os.close(self._kept.pop()[1])
        self._last_path, self._last = b"", self._root

    def _close_beside(self, path: bytes) -> None:
        """Close what does not lead to `path`."""
        while self._kept and path != self._last_path and not path.startswith(self._last_path + b"/"):
            os.close(self._kept.pop()[1])
            self._last_path, self._last = self._kept[-1] if self._kept else (b"", self._root)

    def _open_beneath(self, path: bytes) -> None:
        for part in path[len(self._last_path) :].strip(b"/").split(b"/"):
            if part:
                descriptor = os.open(part, _DIRECTORY, dir_fd=self._last)
                self._last_path = self._last_path + b"/" + part if self._last_path else part
                self._last = descriptor
                self._kept.append((self._last_path, descriptor))
            if len(self._kept) > _MAX_KEPT:
                os.close(self._kept.popleft()[1])


def open_file(root_fd: int, name: bytes) -> int:
    """A descriptor of the file `name` in the directory; OSError, ELOOP for a link."""
    try:
        return os.open(name, _FILE, dir_fd=root_fd)
    except BlockingIOError:
        return _open_leased(root_fd, name)


def _open_leased(root_fd: int, name: bytes) -> int:
    """Of a file that somebody holds for himself, Samba for its clients: the kernel asks him to let go, and
    an open that may wait gets it then (fcntl(2), Leases). Only of what is a file: a pipe would not end."""
    path_fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)
    try:
        if not stat.S_ISREG(os.fstat(path_fd).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return os.open(b"/proc/self/fd/%d" % path_fd, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(path_fd)


def resolve_beneath(root_fd: int, dir_fd: int, name: bytes) -> bytes | None:
    """The path beneath `root_fd` of what `name` in `dir_fd` leads to; None when that is not beneath it.
    OSError.

    The kernel follows the links, so that its limit of 40 in a row counts (path_resolution(7)), and opens
    nothing: O_PATH.
    """
    target = os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        path = _fd_path(target)
    finally:
        os.close(target)
    root = _fd_path(root_fd).rstrip(b"/") + b"/"
    return path.removeprefix(root) if path.startswith(root) else None


def is_outside(root_fd: int, dir_fd: int, name: bytes) -> bool:
    """Whether the link `name` in `dir_fd` leads out of `root_fd` as far as its text tells: for one whose
    way cannot be gone. OSError."""
    text = os.path.join(_fd_path(dir_fd), os.readlink(name, dir_fd=dir_fd))
    return not os.path.normpath(text).startswith(_fd_path(root_fd).rstrip(b"/") + b"/")


def _fd_path(descriptor: int) -> bytes:
    return os.readlink(b"/proc/self/fd/%d" % descriptor)


@contextmanager
def translate_errors(member_name: str) -> Iterator[None]:
    """Turns the system's errors about a member into the service's."""
    try:
        yield
    except OSError as error:
        raise to_source_error(member_name, error) from error


def to_source_error(member_name: str, error: OSError) -> ArchiverError:
    """The service's error for one of the system's about a member."""
    reason = os.strerror(error.errno or 0)
    if error.errno in GONE:
        return SourceGoneError(f"{member_name!r} is gone or was replaced: {reason}")
    if error.errno in RESOURCE_ERRNOS:
        return BackendError(f"{member_name!r} could not be opened: {reason} (raise the limit, or serve less)")
    return SourceUnreadableError(f"{member_name!r} cannot be read: {reason}")
