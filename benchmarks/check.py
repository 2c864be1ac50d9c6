"""Whether what a contender sends is the whole archive: each is saved once and read by others' programs."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.client import BrokenDownloadError

PROGRAMS = ("curl", "dd", "unzip", "bsdtar")


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name) is None]


def checked_length(port: int, path: str, scratch: Path, suffix: str, files: int) -> int:
    """The archive's length, once it is known to be good and to hold so many files.

    Raises BrokenDownloadError.
    """
    saved = scratch / f"saved{suffix}"
    try:
        _save(f"http://127.0.0.1:{port}{path}", saved)
        names = _run("bsdtar", "-tf", str(saved)).splitlines()
        found = sum(not name.endswith("/") for name in names)
        if found != files:
            raise BrokenDownloadError(f"the archive holds {found} files instead of {files}")
        if suffix == ".zip":
            _run("unzip", "-tq", str(saved))
        return saved.stat().st_size
    finally:
        saved.unlink(missing_ok=True)


def sparse_writer(target: Path, source: int) -> subprocess.Popen[bytes]:
    """Writes what comes from the descriptor `source`; zeros take no disk."""
    return subprocess.Popen(
        ["dd", f"of={target}", "bs=16K", "iflag=fullblock", "conv=sparse", "status=none"], stdin=source
    )


def _save(url: str, target: Path) -> None:
    command = ["curl", "-sSg", "--fail", "--noproxy", "*", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        assert curl.stdout
        with sparse_writer(target, curl.stdout.fileno()) as writer:
            curl.stdout.close()
    if curl.returncode or writer.returncode:
        raise BrokenDownloadError(f"curl ends with {curl.returncode}, the writer with {writer.returncode}")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BrokenDownloadError(f"{command[0]} ends with {done.returncode}: {said[-1:]}")
    return done.stdout
