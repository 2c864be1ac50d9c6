"""Real programs to be run, what they print, and whether they are gone."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tornado_archiver.errors import BackendError
from tornado_archiver.runtime.subprocess import Subprocess

ENDLESS = "while :; do echo 0123456789abcdef; done"

not_ours: set[psutil.Process] = set()


def children() -> list[psutil.Process]:
    """That this process has now and had not before the test."""
    return [child for child in psutil.Process().children() if child not in not_ours]


def shell(script: str, when_silent: Callable[[], Awaitable[None]] | None = None) -> Subprocess:
    return Subprocess(["/bin/sh", "-c", script], cwd="/", on_idle=when_silent)


@asynccontextmanager
async def running(script: str) -> AsyncGenerator[AsyncGenerator[bytes, None], None]:
    async with shell(script) as program, aclosing(program.stdout_chunks()) as output:
        yield output


async def printed(program: Subprocess) -> bytes:
    async with program, aclosing(program.stdout_chunks()) as output:
        return b"".join([chunk async for chunk in output])


def failure(script: str) -> str:
    with pytest.raises(BackendError) as caught:
        asyncio.run(printed(shell(script)))
    return str(caught.value)


def is_gone(pid_file: Path) -> bool:
    """Whether the process whose number is in the file has ended; whoever inherits it may wait for it."""
    try:
        return psutil.Process(int(pid_file.read_text())).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
