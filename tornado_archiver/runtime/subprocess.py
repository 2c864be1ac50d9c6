"""Subprocess with streamed output: backpressure by its pipe, and killed when the reader stops.

asyncio.subprocess is not used: on Python 3.11 its `wait()` does not return while the output holds unread
data, and it uses a thread for each process. Here a pidfd reports the exit (Linux 5.3). Output is read without
a buffer in this process, so unread data fills the pipe and blocks the program.
"""

import array
import asyncio
import contextlib
import fcntl
import os
import re
import signal
import subprocess
import termios
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from tornado_archiver.errors import BackendError
from tornado_archiver.runtime.cancellation import shielded
from tornado_archiver.runtime.landlock import restrict_self

CHUNK_BYTES = 256 * 1024
IDLE_TIMEOUT_S = 2
_PIPE_BYTES = 1024 * 1024  # because a fast program writes as much during the event loop's shortest sleep
_COALESCE_DELAY_S = 0.001
_KEPT_STDERR_BYTES = 2048


class Subprocess:
    """Running program whose stdout is read in chunks.

    `async with Subprocess(args, ...) as program: async for chunk in program.stdout_chunks(): ...`

    `stdin` is a descriptor, or None for /dev/null. `pass_fds` are inherited under the same numbers.
    `landlock_ruleset` is a descriptor from `landlock.ruleset`; without it the program is not sandboxed. The
    caller closes all of these descriptors.

    `env` is the whole environment besides PATH, because the environment of the service contains the keys of
    signed links. Error messages leave out stderr text that matches `expected_stderr`. `on_idle` is awaited
    each time that a reader has waited for IDLE_TIMEOUT_S; it raises to end the wait.

    At the end of the block the process group is killed and reaped, and every descriptor is closed.
    """

    def __init__(
        self,
        args: Sequence[str],
        *,
        cwd: str,
        stdin: int | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        landlock_ruleset: int | None = None,
        expected_stderr: re.Pattern[str] | None = None,
        on_idle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._args = args
        self._cwd = cwd
        self._stdin = subprocess.DEVNULL if stdin is None else stdin
        self._env = {"PATH": os.environ.get("PATH", os.defpath), **(env or {})}
        self._pass_fds = pass_fds
        self._landlock_ruleset = landlock_ruleset
        self._expected_stderr = expected_stderr
        self._on_idle = on_idle
        self._stderr_tail = b""

    async def __aenter__(self) -> Self:
        with contextlib.ExitStack() as stack, contextlib.ExitStack() as child_fds:
            self._stdout, child_stdout = _pipe(stack, child_fds)
            with contextlib.suppress(OSError):  # because pipe-user-pages-soft may be used up: pipe(7)
                fcntl.fcntl(child_stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._stderr, child_stderr = _pipe(stack, child_fds)
            self._process = self._start(child_stdout, child_stderr)
            stack.callback(self._kill)
            self._pidfd = os.pidfd_open(self._process.pid)
            stack.pop_all()
        asyncio.get_running_loop().add_reader(self._stderr, self._drain_stderr)
        return self

    def _start(self, stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        try:
            if self._landlock_ruleset is None:
                return self._popen(stdout, stderr)
            # in a new thread, because the restriction of a thread is irreversible
            with ThreadPoolExecutor(max_workers=1) as thread:
                thread.submit(restrict_self, self._landlock_ruleset).result()
                return thread.submit(self._popen, stdout, stderr).result()
        except OSError as error:
            raise BackendError(f"{self._args[0]} could not be started: {error.strerror}") from error

    def _popen(self, stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._args,
            cwd=self._cwd,
            stdin=self._stdin,
            stdout=stdout,
            stderr=stderr,
            env=self._env,
            pass_fds=self._pass_fds,
            start_new_session=True,
        )

    async def stdout_chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the output of the program; end when the program has exited with status 0.

        Raise BackendError, with the exit status and the end of stderr, for any other status.
        """
        while chunk := await self._read():
            yield chunk
        await _readable(self._pidfd)
        self._kill()  # because the children of the program may still run
        status = self._process.wait()
        self._drain_stderr()
        if status:
            text = self.stderr_tail
            if self._expected_stderr:
                text = self._expected_stderr.sub("", text)
            raise BackendError(f"{self._args[0]} exited with status {status}; stderr: {text.strip()!r}")

    @property
    def stderr_tail(self) -> str:
        """The last 2 KiB of stderr so far; complete when `stdout_chunks` has ended."""
        return self._stderr_tail.decode("utf-8", "replace")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process.returncode is None:
                self._kill()
                try:
                    await shielded(_readable(self._pidfd))
                finally:
                    self._process.wait()
        finally:
            asyncio.get_running_loop().remove_reader(self._stderr)
            for fd in (self._stdout, self._stderr, self._pidfd):
                os.close(fd)

    def _kill(self) -> None:
        """Kill the process group. Its ID cannot be reused yet, because the program is not reaped."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self) -> bytes:
        """Return the next chunk, b"" at the end.

        Wait for more data if the pipe holds little, because a wake-up costs as much as copying 100 KiB.
        """
        while True:
            try:
                if self._bytes_in_pipe() < CHUNK_BYTES // 2:
                    await asyncio.sleep(_COALESCE_DELAY_S)
                return os.read(self._stdout, CHUNK_BYTES)
            except BlockingIOError:
                await self._wait_readable()

    def _bytes_in_pipe(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._stdout, termios.FIONREAD, count)
        return count[0]

    async def _wait_readable(self) -> None:
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                await _readable(self._stdout)
        except TimeoutError:
            if self._on_idle is not None:
                await self._on_idle()

    def _drain_stderr(self) -> None:
        """Read the stderr pipe, so that the program does not block on it, and keep the end."""
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(self._stderr, CHUNK_BYTES)
            self._stderr_tail = (self._stderr_tail + chunk)[-_KEPT_STDERR_BYTES:]
            if not chunk:
                asyncio.get_running_loop().remove_reader(self._stderr)


def _pipe(stack: contextlib.ExitStack, child_fds: contextlib.ExitStack) -> tuple[int, int]:
    """Return the two ends of a pipe; reads do not block.

    `stack` closes the read end, `child_fds` the write end.
    """
    read_fd, write_fd = os.pipe()
    stack.callback(os.close, read_fd)
    child_fds.callback(os.close, write_fd)
    os.set_blocking(read_fd, False)
    return read_fd, write_fd


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fd)
