"""The service as a process of its own, and the programs that tests point at it.

Rule: nothing here imports the service; it is spoken to as a visitor and an operator would.
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

# What sd_listen_fds(3) describes
HANDED_OVER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3);"
    "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.execv(sys.argv[2], sys.argv[2:])"
)

SOON_DRAINED = {"ARCHIVER_DRAIN_TIMEOUT": "1"}

# Straight to this machine, whatever http_proxy says
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# What a healthy server never says, whatever its visitors do
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
        """The one who serves; when it has just died, the next one."""
        found: list[psutil.Process] = []

        def looked() -> bool:  # once: who has just died may be there still, and not at the next look
            found[:] = self.workers
            return bool(found)

        assert eventually(looked), "there is no worker"
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
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is not installed")
    return path


def missing(what: str) -> NoReturn:
    """End the test because of something that this machine lacks: a skip, but in CI a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on. For a minute the kernel gives it to nobody who does not
    ask for it by its number, as servers do (SO_REUSEADDR): there was a connection on it, and this side has
    closed it first (TIME-WAIT). One that was merely looked at could be the next one's, too, by the time that
    a server takes it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            listening.accept()[0].close()
            assert visitor.recv(1) == b"", "nobody has said anything"
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
    """Return once something on `port` speaks HTTP, whatever it says; `process` must live until then."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            DIRECT.open(f"http://127.0.0.1:{port}/", timeout=timeout_s).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            assert process is None or process.poll() is None, "the process has ended before it answered"
            assert time.monotonic() < deadline, f"no answer on port {port} within {timeout_s} s"
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
    settings, but for a drain-timeout that lets no visitor of a test hold up its end.

    It starts in an empty directory, where no .env lies, so paths among `args` have to be absolute. A
    `launcher` is a command that becomes the one put behind it. A listening socket that is `handed` to it, as
    systemd does, takes the place of the port.

    Leaving the block stops it as an operator would, with SIGTERM, and asserts that it went in peace: exit
    code 0 and nothing of UGLY in its log. The exit code of a server that the test has ended is the test's.
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
            env=plain_environment({**SOON_DRAINED, **(env or {})}),
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
