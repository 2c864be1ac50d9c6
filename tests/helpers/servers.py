"""The service in a separate process, and the programs that tests run against it.

Rule: nothing here imports the service. Tests talk to it as clients and operators do.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[2]

SETTING_NAMES = ("PORT", "PHOTOS_DIR", "ENABLE_LOGGING", "ENABLE_RESPONSE_DELAY", "RESPONSE_DELAY")

# Passes a socket as sd_listen_fds(3) describes
HANDED_OVER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3);"
    "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.execv(sys.argv[2], sys.argv[2:])"
)

# So that a client of a test does not delay the end, and an album that was just written is served at once
TEST_DEFAULTS = {"ARCHIVER_DRAIN_TIMEOUT": "1", "ARCHIVER_SETTLE_TIME": "0"}

# Ignores http_proxy
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# These words are never in the log of a healthy server
UGLY = ("Traceback", "Task was destroyed", "never retrieved", "never awaited", "ResourceWarning")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has answered at least once. `process` is the supervisor, `stderr` the file that the log
    of all its processes goes to."""

    port: int
    process: subprocess.Popen[bytes]
    stderr: BinaryIO

    @property
    def workers(self) -> list[psutil.Process]:
        """Those who serve, as they are now."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if name_of(child) == "archiver-worker"]

    @property
    def worker(self) -> psutil.Process:
        """The only worker; after its death, the next one."""
        found: list[psutil.Process] = []

        def has_worker() -> bool:  # listed once, because a dead worker can be gone at the next call
            found[:] = self.workers
            return bool(found)

        assert eventually(has_worker), "there is no worker"
        return found[0]

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def log(self) -> str:
        """All that the server has written to stderr so far."""
        size = os.fstat(self.stderr.fileno()).st_size
        return os.pread(self.stderr.fileno(), size, 0).decode(errors="replace")


def name_of(process: psutil.Process) -> str:
    """Of its program; "" when it has ended since it was found."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def contents(directory: str | Path) -> dict[str, bytes]:
    """Every file beneath a directory, by the name that it has in an archive of that directory."""
    files = (path for path in Path(directory).rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def contents_of_zip(archive: str | Path | BinaryIO) -> dict[str, bytes]:
    """Every file of a zip archive by its name; reading checks its CRC-32."""
    with zipfile.ZipFile(archive) as opened:
        return {member.filename: opened.read(member) for member in opened.infolist() if not member.is_dir()}


def tool(name: str) -> str:
    """The path of a program. Without it the test is skipped, but fails in CI, where it has to be there."""
    # a user's PATH on Debian has no sbin, where nginx and haproxy are
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        missing(f"{name} is not installed")
    return path


def missing(what: str) -> NoReturn:
    """End the test because of something that this machine lacks: a skip, but in CI a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def free_port() -> int:
    """Return an unused TCP port of 127.0.0.1.

    For a minute the kernel assigns it only to a process that asks for it by number, as servers do
    (SO_REUSEADDR), because a connection on it was closed by this side first (TIME-WAIT). A port that was only
    bound and closed could be assigned to another process before the server binds it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            listening.accept()[0].close()
            assert client.recv(1) == b""
        return port


def plain_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without any setting of the service, then `extra` on top."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in SETTING_NAMES and not name.startswith("ARCHIVER_")
    }
    return {**kept, **(extra or {})}


def eventually(happened: Callable[[], object], timeout_s: float = 30) -> bool:
    """Whether something comes true within the time."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def wait_until_answering(
    port: int, process: subprocess.Popen[bytes] | None = None, timeout_s: float = 60
) -> None:
    """Return once something on `port` speaks HTTP, with any status; `process` must live until then."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            DIRECT.open(f"http://127.0.0.1:{port}/", timeout=timeout_s).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            assert process is None or process.poll() is None, "the process has ended before it answered"
            assert time.monotonic() < deadline, f"no response on port {port} within {timeout_s} s"
            time.sleep(0.05)
            continue
        return


def fetch(port: int, path: str = "/") -> bytes:
    """The body of a whole answer; raises HTTPError for an error page."""
    with DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        body: bytes = answer.read()
        return body


@contextmanager
def running_server(
    photos_dir: str | Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    handed: socket.socket | None = None,
    launcher: Sequence[str] = (),
) -> Iterator[Server]:
    """`python server.py` on a port, or any free one, with `args`, and `env` on top of an environment without
    settings, except for those of TEST_DEFAULTS.

    It starts in an empty directory without .env, so paths in `args` must be absolute. `launcher` is a command
    that executes the command after it. `handed` is a listening socket that is passed as systemd does, instead
    of the port.

    At the end of the block, the server gets SIGTERM. It must exit with 0 and have none of the words UGLY in
    its log. The exit code is not checked if the test itself has stopped the server.
    """
    if handed is not None:
        port = handed.getsockname()[1]
        launcher = [*launcher, sys.executable, "-c", HANDED_OVER, str(handed.fileno())]
    port = port or free_port()
    # -W default: a forgotten descriptor or coroutine shows up in the log
    command = [*launcher, sys.executable, "-W", "default", f"{PROJECT}/server.py", "-P", str(port)]
    command += ["--photos-dir", os.path.abspath(photos_dir), *args]
    with (
        tempfile.TemporaryDirectory() as empty,
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            command,
            cwd=empty,
            env=plain_environment({**TEST_DEFAULTS, **(env or {})}),
            stderr=stderr,
            pass_fds=[] if handed is None else [handed.fileno()],
        ) as process,
    ):
        server = Server(port, process, stderr)
        try:
            wait_until_answering(port, process)
            yield server
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=60) == 0, "a server that is asked to stop ends with exit code 0"
            ugly = [words for words in UGLY if words in server.log()]
            assert not ugly, f"the server's log holds {ugly}"
        finally:
            process.kill()
            print(server.log())  # pytest shows it when the test has failed
