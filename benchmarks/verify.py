"""Verification of downloaded archives with bsdtar and unzip."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.client import BrokenDownloadError

PROGRAMS = ("curl", "dd", "unzip", "bsdtar")


def missing_programs() -> list[str]:
    """Return the names of required programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def verified_length(port: int, path: str, tempdir: Path, extension: str, files: int) -> int:
    """Download an archive, verify that it is intact and has `files` files, and return its length in bytes.

    Raises BrokenDownloadError.
    """
    saved = tempdir / f"saved{extension}"
    try:
        _save(f"http://127.0.0.1:{port}{path}", saved)
        names = _run("bsdtar", "-tf", str(saved)).splitlines()
        count = sum(not name.endswith("/") for name in names)
        if count != files:
            raise BrokenDownloadError(f"wrong number of files in the archive: {count}, expected {files}")
        if extension == ".zip":
            _run("unzip", "-tq", str(saved))
        return saved.stat().st_size
    finally:
        saved.unlink(missing_ok=True)


def sparse_writer(target: Path, source: int) -> subprocess.Popen[bytes]:
    """Start a process that copies the descriptor `source` to a sparse file; zeros use no disk space."""
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
        raise BrokenDownloadError(f"exit codes: curl {curl.returncode}, dd {writer.returncode}")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout).strip().splitlines()
        raise BrokenDownloadError(f"{command[0]}: exit code {done.returncode}: {output[-1:]}")
    return done.stdout
