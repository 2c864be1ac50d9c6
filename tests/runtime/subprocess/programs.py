"""Helpers that run shell scripts in Subprocess and collect output and errors."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tornado_archiver.errors import BackendError
from tornado_archiver.runtime.subprocess import Subprocess

ENDLESS = "while :; do echo 0123456789abcdef; done"

other_children: set[psutil.Process] = set()


def children() -> list[psutil.Process]:
    """Return the child processes that were started by the current test."""
    return [child for child in psutil.Process().children() if child not in other_children]


def shell(script: str, on_idle: Callable[[], Awaitable[None]] | None = None) -> Subprocess:
    return Subprocess(["/bin/sh", "-c", script], cwd="/", on_idle=on_idle)


@asynccontextmanager
async def running(script: str) -> AsyncGenerator[AsyncGenerator[bytes, None], None]:
    async with shell(script) as program, aclosing(program.stdout_chunks()) as output:
        yield output


async def read_output(program: Subprocess) -> bytes:
    async with program, aclosing(program.stdout_chunks()) as output:
        return b"".join([chunk async for chunk in output])


def error_text(script: str) -> str:
    with pytest.raises(BackendError) as caught:
        asyncio.run(read_output(shell(script)))
    return str(caught.value)


def has_exited(pid_file: Path) -> bool:
    """Return whether the process with the pid in the file has exited, even if it is not reaped yet."""
    try:
        return psutil.Process(int(pid_file.read_text())).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
