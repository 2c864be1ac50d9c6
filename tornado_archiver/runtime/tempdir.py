"""Directories in memory that programs are shown. Each belongs to the process that has made it, which puts it
away; what one that was killed leaves behind, its supervisor does."""

import glob
import os
import shutil
import stat
import tempfile
from contextlib import suppress

SHM_DIR = "/dev/shm"  # noqa: S108 - nothing may be written to a disk


def make_tempdir() -> str:
    """The path of a new and empty directory, for this process to remove."""
    return tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=SHM_DIR)


def tempdirs_of(pid: int) -> list[str]:
    """The paths of those that a process has made and not removed."""
    return glob.glob(os.path.join(SHM_DIR, f"{_prefix(pid)}*"))


def remove_tempdirs_of(pid: int) -> None:
    """Remove them with all that is in them."""
    for path in filter(_is_ours, tempdirs_of(pid)):
        for directory, _, _ in os.walk(path):
            with suppress(OSError):
                os.chmod(directory, stat.S_IRWXU)  # it has the mode of the one it stands for
        shutil.rmtree(path, ignore_errors=True)  # nobody waits for this


def _is_ours(path: str) -> bool:
    """Anybody may put something of that name there, and a link to what is ours."""
    with suppress(OSError):
        status = os.lstat(path)
        return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return False


def _prefix(pid: int) -> str:
    return f"tornado-archiver-{pid}-"
