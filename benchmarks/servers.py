"""Start and stop of the servers that are measured."""

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

from benchmarks.client import BrokenDownloadError, download, read_headers, send_request
from benchmarks.data import WARM_UP
from benchmarks.implementations import Implementation, ServerContext
from benchmarks.process_tree import own_bytes
from benchmarks.workdir import Workdir

_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 20


class NotStartedError(Exception):
    """The server cannot be started; the message has the reason."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server after its first small archive. `idle_bytes`: memory of its processes at that moment."""

    port: int
    pid: int
    idle_bytes: int


@contextmanager
def run_server(implementation: Implementation, workdir: Workdir) -> Iterator[RunningServer]:
    """Run a server that has sent one small archive. Raises NotStartedError."""
    if implementation.missing:
        raise NotStartedError(implementation.missing)
    with _started(implementation.command, workdir) as (port, pid):
        try:
            download(port, implementation.path.format(WARM_UP.name))
        except (BrokenDownloadError, OSError) as error:
            raise NotStartedError(f"first download failed: {error}") from error
        yield RunningServer(port, pid, own_bytes(pid))


@contextmanager
def _started(
    command: Callable[[ServerContext], Sequence[str]], workdir: Workdir
) -> Iterator[tuple[int, int]]:
    """Yield port and process id once the server responds. Raises NotStartedError."""
    with tempfile.TemporaryDirectory() as tempdir, tempfile.TemporaryFile() as log:
        context = ServerContext(workdir.photos, workdir.zips, Path(tempdir), _free_port())
        with subprocess.Popen(
            command(context),
            cwd=tempdir,
            env=_environment(context),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                if not _wait_for_response(context.port, process):
                    raise NotStartedError(f"server does not respond: {_last_line(log.fileno())}")
                yield context.port, process.pid
            finally:
                _stop(process)


def _environment(context: ServerContext) -> dict[str, str]:
    """Return an environment with only PATH from the caller, so that no setting affects the results."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(context.tempdir),
        "LC_ALL": "C.UTF-8",
        "PHOTOS_DIR": str(context.photos),
        "PORT": str(context.port),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_response(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, BrokenDownloadError), send_request(port, "/") as connection:
            return bool(read_headers(connection))
        time.sleep(0.02)
    return False


def _last_line(log: int) -> str:
    lines = os.pread(log, 1 << 20, 0).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
