"""Directories in memory that programs are shown. Each belongs to the process that has made it, which puts it
away; what one that was killed leaves behind, its supervisor does."""

import glob
import os
import shutil
import stat
import tempfile

IN_MEMORY = "/dev/shm"  # noqa: S108 - nothing may be written to a disk


def make_scratch() -> str:
    """The path of a new and empty directory, for this process to remove."""
    return tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=IN_MEMORY)


def scratch_of(pid: int) -> list[str]:
    """The paths of those that a process has made and not removed."""
    return glob.glob(os.path.join(IN_MEMORY, f"{_prefix(pid)}*"))


def remove_scratch_of(pid: int) -> None:
    """Remove them with all that is in them."""
    for path in scratch_of(pid):
        for directory, _, _ in os.walk(path):
            os.chmod(directory, stat.S_IRWXU)  # it has the mode of the one it stands for
        shutil.rmtree(path, ignore_errors=True)  # nobody waits for this


def _prefix(pid: int) -> str:
    return f"tornado-archiver-{pid}-"
