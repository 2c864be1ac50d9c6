"""Starts what is measured, and stops it."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import BrokenDownloadError, asked, download, read_head
from benchmarks.contenders import Contender, Place
from benchmarks.data import WARM_UP
from benchmarks.process_tree import own_bytes
from benchmarks.workplace import Workplace

_START_S = 30
_STOP_S = 20


class NotStartedError(Exception):
    """The server cannot be had; says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has sent its first small archive. `idle_bytes` is what its processes then hold."""

    port: int
    pid: int
    idle_bytes: int


@contextmanager
def running(contender: Contender, place: Workplace) -> Iterator[Running]:
    """The contender's server, warmed up. Raises NotStartedError."""
    if contender.missing:
        raise NotStartedError(contender.missing)
    with started(contender.command, place.photos, place.zips) as (port, pid):
        try:
            download(port, contender.path.format(WARM_UP.name))
        except (BrokenDownloadError, OSError) as error:
            raise NotStartedError(f"no archive comes: {error}") from error
        yield Running(port, pid, own_bytes(pid))


@contextmanager
def started(
    command: Callable[[Place], Sequence[str]], photos: Path, zips: Path | None = None
) -> Iterator[tuple[int, int]]:
    """A server's port and process id, once it answers. Raises NotStartedError."""
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as log:
        place = Place(photos, zips or photos, Path(scratch), _free_port())
        with subprocess.Popen(
            command(place),
            cwd=scratch,
            env=_environment(place),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                if not _answers(place.port, process):
                    raise NotStartedError(f"it does not answer: {_last_line(log.fileno())}")
                yield place.port, process.pid
            finally:
                _stop(process)


def _environment(place: Place) -> dict[str, str]:
    """Nothing of the caller's but the programs: no setting of his gets into a figure."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place.scratch),
        "LC_ALL": "C.UTF-8",
        "PHOTOS_DIR": str(place.photos),
        "PORT": str(place.port),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, BrokenDownloadError), asked(port, "/") as connection:
            return bool(read_head(connection))
        time.sleep(0.02)
    return False


def _last_line(log: int) -> str:
    lines = os.pread(log, 1 << 20, 0).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
