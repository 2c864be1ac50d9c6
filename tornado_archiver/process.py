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

from tornado_archiver.cleanup import finished
from tornado_archiver.confinement import confine
from tornado_archiver.errors import PackingError

CHUNK_BYTES = 256 * 1024
SILENCE_S = 2
_PIPE_BYTES = 1024 * 1024  # room for what a fast program writes during a pause, the event loop's shortest
_PAUSE_S = 0.001
_KEPT_STDERR_BYTES = 2048


class Program:
    """`async with Program(arguments, ...) as program: async for chunk in program.output(): ...`

    `directory` is a path to start in, `stdin` a descriptor (the caller's to close) or None for none,
    `inherited` further descriptors that the program sees under the same numbers. `rules`, from `confinement`
    (a descriptor, the caller's to close), say what it may do; without, it may do what this process may.
    `environment` is all that it gets of one, with PATH: the service's own holds the keys of links.
    `chatter` is what it says on stderr when all is well: no error repeats that. `when_silent` is awaited
    whenever a reader has waited for SILENCE_S: it raises when there is no sense in waiting on. On leaving the
    block the whole process group is killed and waited for, and every descriptor closed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        directory: str,
        stdin: int | None = None,
        environment: Mapping[str, str] | None = None,
        inherited: Sequence[int] = (),
        rules: int | None = None,
        chatter: re.Pattern[str] | None = None,
        when_silent: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._arguments = arguments
        self._directory = directory
        self._stdin = subprocess.DEVNULL if stdin is None else stdin
        self._environment = {"PATH": os.environ.get("PATH", os.defpath), **(environment or {})}
        self._inherited = inherited
        self._rules = rules
        self._chatter = chatter
        self._when_silent = when_silent
        self._said = b""

    async def __aenter__(self) -> Self:
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as handed_over:
            self._stdout, child_stdout = _pipe(undo, handed_over)
            with contextlib.suppress(OSError):  # over the user's share of pipe memory: it works with less
                fcntl.fcntl(child_stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._stderr, child_stderr = _pipe(undo, handed_over)
            self._process = self._start(child_stdout, child_stderr)
            undo.callback(self._kill)
            self._ended = os.pidfd_open(self._process.pid)
            undo.pop_all()
        asyncio.get_running_loop().add_reader(self._stderr, self._listen)
        return self

    def _start(self, stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        try:
            if self._rules is None:
                return self._popen(stdout, stderr)
            with ThreadPoolExecutor(max_workers=1) as thread:  # which is confined for good
                thread.submit(confine, self._rules).result()
                return thread.submit(self._popen, stdout, stderr).result()
        except OSError as error:
            raise PackingError(f"{self._arguments[0]} could not be started: {error.strerror}") from error

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

    async def output(self) -> AsyncGenerator[bytes, None]:
        """What the program prints, as it comes; ends only when it has ended with exit status 0.

        Raises PackingError with the exit status and the end of what it said on stderr.
        """
        while chunk := await self._read():
            yield chunk
        await _readable(self._ended)
        self._kill()  # what it has left running
        status = self._process.wait()
        self._listen()
        if status:
            said = (self._chatter.sub("", self.said) if self._chatter else self.said).strip() or "nothing"
            raise PackingError(f"{self._arguments[0]} ended with status {status} and said {said!r}")

    @property
    def said(self) -> str:
        """The end of what it has said on stderr; the very end when `output` has ended."""
        return self._said.decode("utf-8", "replace")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process.returncode is None:
                self._kill()
                try:
                    await finished(_readable(self._ended))
                finally:
                    self._process.wait()
        finally:
            asyncio.get_running_loop().remove_reader(self._stderr)
            for descriptor in (self._stdout, self._stderr, self._ended):
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
                if self._waiting_bytes() < CHUNK_BYTES // 2:
                    await asyncio.sleep(_PAUSE_S)
                return os.read(self._stdout, CHUNK_BYTES)
            except BlockingIOError:
                await self._something_to_read()

    def _waiting_bytes(self) -> int:
        room = array.array("i", [0])
        fcntl.ioctl(self._stdout, termios.FIONREAD, room)
        return room[0]

    async def _something_to_read(self) -> None:
        try:
            async with asyncio.timeout(SILENCE_S):
                await _readable(self._stdout)
        except TimeoutError:
            if self._when_silent is not None:
                await self._when_silent()

    def _listen(self) -> None:
        """Takes what stands in the stderr pipe, however much: a program must not block on it."""
        with contextlib.suppress(BlockingIOError):
            said = os.read(self._stderr, CHUNK_BYTES)
            self._said = (self._said + said)[-_KEPT_STDERR_BYTES:]
            if not said:
                asyncio.get_running_loop().remove_reader(self._stderr)


def _pipe(undo: contextlib.ExitStack, handed_over: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe whose reading end does not block; `undo` closes that end, `handed_over` the program's."""
    reading, writing = os.pipe()
    undo.callback(os.close, reading)
    handed_over.callback(os.close, writing)
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
