"""Temporary directories in memory, for the files that a program reads.

The process that creates a directory removes it. After a killed process its supervisor removes it.
"""

import glob
import os
import shutil
import stat
import tempfile
from contextlib import suppress

SHM_DIR = "/dev/shm"  # noqa: S108 - so that nothing is written to a disk


def make_tempdir() -> str:
    """Create an empty directory and return its path; the caller removes it."""
    return tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=SHM_DIR)


def tempdirs_of(pid: int) -> list[str]:
    """Return the paths of the directories that a process has created and not removed."""
    return glob.glob(os.path.join(SHM_DIR, f"{_prefix(pid)}*"))


def remove_tempdirs_of(pid: int) -> None:
    """Remove the directories of a process with their content."""
    for path in filter(_is_ours, tempdirs_of(pid)):
        for directory, _, _ in os.walk(path):
            with suppress(OSError):
                os.chmod(directory, stat.S_IRWXU)  # because the mode is copied from the photo directory
        shutil.rmtree(path, ignore_errors=True)


def _is_ours(path: str) -> bool:
    """Return whether `path` is a directory of this user.

    Other users can create files with this prefix in SHM_DIR, and symlinks to directories of this user.
    """
    with suppress(OSError):
        info = os.lstat(path)
        return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid()
    return False


def _prefix(pid: int) -> str:
    return f"tornado-archiver-{pid}-"
