"""Errors of the file system that only the operator can correct, and how the log describes them."""

import errno
import os

from tornado_archiver.errors import StorageUnavailableError

PASSING_RETRY_S = 60  # after which a mount that was away, or a busy disk, may respond again
_MISSING_RIGHTS = {errno.EACCES, errno.EPERM}
_PERMANENT = _MISSING_RIGHTS | {errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}

READ_PERMISSION = (
    "read permission (chmod -R o+rX), or run the service as the owner of the files (with Docker:"
    " ARCHIVER_USER)"
)
GIVE_RIGHTS = f"give it {READ_PERMISSION}"


def lacks_rights(error: OSError) -> bool:
    """Return whether the user of this process is not permitted to read."""
    return error.errno in _MISSING_RIGHTS


def retry_after_s(error: OSError) -> int | None:
    """Return after how many seconds another try may succeed, None for an error that does not pass."""
    return None if error.errno in _PERMANENT else PASSING_RETRY_S


def describe(error: OSError) -> str:
    """Return the message of the system and, for missing permissions, the user and the remedy."""
    reason = os.strerror(error.errno or 0)
    return f"{reason} for user {os.geteuid()}; {GIVE_RIGHTS}" if lacks_rights(error) else reason


def unavailable(name: str, error: OSError) -> StorageUnavailableError:
    """Return the error of the service for an OSError about the directory that `name` describes."""
    text = f"{name} cannot be read: {describe(error)}"
    return StorageUnavailableError(text, retry_after_s=retry_after_s(error))
