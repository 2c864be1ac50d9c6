"""Opening files beneath a directory, whatever somebody does to the names meanwhile.

Every part of a path is opened relative to the descriptor of the part before it, with O_NOFOLLOW: a link
put in place of a file or a directory is refused by the kernel, at the moment of opening.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from tornado_archiver.errors import ArchiverError, PackingError, SourceChangedError, SourceUnreadableError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe put in place of a file must not hold the thread until somebody writes to it
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE}
OUR_OWN = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # this process's limits, not the source's fault


def open_directory(directory: int, path: bytes) -> int:
    """A descriptor of the directory `path` (relative, parts joined by `/`, b"" for itself); OSError."""
    descriptor = os.open(b".", _DIRECTORY, dir_fd=directory)
    for part in path.split(b"/") if path else ():
        try:
            following = os.open(part, _DIRECTORY, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = following
    return descriptor


@contextmanager
def opened_directory(directory: int, path: bytes) -> Iterator[int]:
    """`open_directory`, closed at the end."""
    descriptor = open_directory(directory, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_file(directory: int, name: bytes) -> int:
    """A descriptor of the file `name` in the directory; OSError, ELOOP for a link."""
    try:
        return os.open(name, _FILE, dir_fd=directory)
    except BlockingIOError:
        return _open_leased(directory, name)


def _open_leased(directory: int, name: bytes) -> int:
    """Of a file that somebody holds for himself, Samba for its clients: the kernel asks him to let go, and
    an open that may wait gets it then (fcntl(2), Leases). Only of what is a file: a pipe would not end."""
    place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return os.open(b"/proc/self/fd/%d" % place, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(place)


def followed(directory: int, folder: int, name: bytes) -> bytes | None:
    """The path beneath `directory` of what `name` in `folder` leads to; None when that is not beneath it.
    OSError.

    The kernel follows the links, so that its limit of 40 in a row counts (path_resolution(7)), and opens
    nothing: O_PATH.
    """
    target = os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=folder)
    try:
        path = _own_path(target)
    finally:
        os.close(target)
    root = _own_path(directory).rstrip(b"/") + b"/"
    return path.removeprefix(root) if path.startswith(root) else None


def leads_out(directory: int, folder: int, name: bytes) -> bool:
    """Whether the link `name` in `folder` leads out of `directory` as far as its text tells: for one whose
    way cannot be gone. OSError."""
    text = os.path.join(_own_path(folder), os.readlink(name, dir_fd=folder))
    return not os.path.normpath(text).startswith(_own_path(directory).rstrip(b"/") + b"/")


def _own_path(descriptor: int) -> bytes:
    return os.readlink(b"/proc/self/fd/%d" % descriptor)


@contextmanager
def source_errors(member_name: str) -> Iterator[None]:
    """Turns the system's errors about a member into the service's."""
    try:
        yield
    except OSError as error:
        raise translated(member_name, error) from error


def translated(member_name: str, error: OSError) -> ArchiverError:
    """The service's error for one of the system's about a member."""
    reason = os.strerror(error.errno or 0)
    if error.errno in _GONE:
        return SourceChangedError(f"{member_name!r} is gone or was replaced: {reason}")
    if error.errno in OUR_OWN:
        return PackingError(f"{member_name!r} could not be opened: {reason} (raise the limit, or serve less)")
    return SourceUnreadableError(f"{member_name!r} cannot be read: {reason}")
