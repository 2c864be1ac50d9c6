"""Opening files beneath a directory, whatever somebody does to the names meanwhile.

Every part of a path is opened relative to the descriptor of the part before it, with O_NOFOLLOW: a link
put in place of a file or a directory is refused by the kernel, at the moment of opening.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tornado_archiver.errors import ArchiverError, PackingError, SourceChangedError, SourceUnreadableError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe put in place of a file must not hold the thread until somebody writes to it
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

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
    return os.open(name, FILE, dir_fd=directory)


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
