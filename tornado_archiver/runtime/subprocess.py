"""Runs a program for its output: started, read at the reader's pace, and gone when the reader is.

asyncio's own subprocesses are not used: on Python 3.11 `wait()` never returns while the output holds
unread data, and a thread waits for each process. Here a pidfd tells the end (Linux 5.3), and pipes are
read without a buffer of their own, so what the reader does not take stays in the pipe and stops the program.
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
_PIPE_BYTES = 1024 * 1024  # room for what a fast program writes during a pause, the event loop's shortest
_COALESCE_DELAY_S = 0.001
_KEPT_STDERR_BYTES = 2048


class Subprocess:
    """`async with Program(arguments, ...) as program: async for chunk in program.output(): ...`

    `cwd` is a path to start in, `stdin` a descriptor (the caller's to close) or None for none,
    `pass_fds` further descriptors that the program sees under the same numbers. `landlock_ruleset`, from
    `confinement`
    (a descriptor, the caller's to close), say what it may do; without, it may do what this process may.
    `env` is all that it gets of one, with PATH: the service's own holds the keys of links.
    `expected_stderr` is what it says on stderr when all is well: no error repeats that. `on_idle` is awaited
    whenever a reader has waited for SILENCE_S: it raises when there is no sense in waiting on. On leaving the
    block the whole process group is killed and waited for, and every descriptor closed.
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
        self._arguments = args
        self._directory = cwd
        self._stdin = subprocess.DEVNULL if stdin is None else stdin
        self._environment = {"PATH": os.environ.get("PATH", os.defpath), **(env or {})}
        self._inherited = pass_fds
        self._rules = landlock_ruleset
        self._chatter = expected_stderr
        self._when_silent = on_idle
        self._said = b""

    async def __aenter__(self) -> Self:
        with contextlib.ExitStack() as stack, contextlib.ExitStack() as child_fds:
            self._stdout, child_stdout = _pipe(stack, child_fds)
            with contextlib.suppress(OSError):  # over the user's share of pipe memory: it works with less
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
            if self._rules is None:
                return self._popen(stdout, stderr)
            with ThreadPoolExecutor(max_workers=1) as thread:  # which is confined for good
                thread.submit(restrict_self, self._rules).result()
                return thread.submit(self._popen, stdout, stderr).result()
        except OSError as error:
            raise BackendError(f"{self._arguments[0]} could not be started: {error.strerror}") from error

    def _popen(self, stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._arguments,
            cwd=self._directory,
            stdin=self._stdin,
            stdout=stdout,
            stderr=stderr,
            env=self._environment,
            pass_fds=self._inherited,
            start_new_session=True,
        )

    async def stdout_chunks(self) -> AsyncGenerator[bytes, None]:
        """What the program prints, as it comes; ends only when it has ended with exit status 0.

        Raises BackendError with the exit status and the end of what it said on stderr.
        """
        while chunk := await self._read():
            yield chunk
        await _readable(self._pidfd)
        self._kill()  # what it has left running
        status = self._process.wait()
        self._drain_stderr()
        if status:
            stderr_tail = (
                self._chatter.sub("", self.stderr_tail) if self._chatter else self.stderr_tail
            ).strip() or "nothing"
            raise BackendError(f"{self._arguments[0]} ended with status {status} and said {stderr_tail!r}")

    @property
    def stderr_tail(self) -> str:
        """The end of what it has said on stderr; the very end when `stdout_chunks` has ended."""
        return self._said.decode("utf-8", "replace")

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
            for descriptor in (self._stdout, self._stderr, self._pidfd):
                os.close(descriptor)

    def _kill(self) -> None:
        """Ends the whole group. Nobody has waited for the program yet, so the number is still its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self) -> bytes:
        """The next chunk, b"" at the end. A program that writes little by little is given a moment to write
        more: each wake-up costs as much as copying 100 KiB."""
        while True:
            try:
                if self._bytes_in_pipe() < CHUNK_BYTES // 2:
                    await asyncio.sleep(_COALESCE_DELAY_S)
                return os.read(self._stdout, CHUNK_BYTES)
            except BlockingIOError:
                await self._wait_readable()

    def _bytes_in_pipe(self) -> int:
        room = array.array("i", [0])
        fcntl.ioctl(self._stdout, termios.FIONREAD, room)
        return room[0]

    async def _wait_readable(self) -> None:
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                await _readable(self._stdout)
        except TimeoutError:
            if self._when_silent is not None:
                await self._when_silent()

    def _drain_stderr(self) -> None:
        """Takes what stands in the stderr pipe, however much: a program must not block on it."""
        with contextlib.suppress(BlockingIOError):
            stderr_tail = os.read(self._stderr, CHUNK_BYTES)
            self._said = (self._said + stderr_tail)[-_KEPT_STDERR_BYTES:]
            if not stderr_tail:
                asyncio.get_running_loop().remove_reader(self._stderr)


def _pipe(stack: contextlib.ExitStack, child_fds: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe whose reading end does not block; `stack` closes that end, `child_fds` the program's."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    child_fds.callback(os.close, writing)
    os.set_blocking(reading, False)
    return reading, writing


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
