"""Subprocess whose reader stops early: the whole process group is killed and reaped."""

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.helpers.servers import eventually
from tests.runtime.subprocess.programs import (
    ENDLESS,
    children,
    error_text,
    has_exited,
    read_output,
    running,
    shell,
)


def test_program_is_killed_when_reader_stops(tmp_path: Path) -> None:
    async def stop_early() -> None:
        async with running(f"echo $$ > {tmp_path}/pid; {ENDLESS}") as output:
            await anext(output)
        assert has_exited(tmp_path / "pid")

    asyncio.run(stop_early())


def test_program_without_output_is_killed_when_reader_stops() -> None:
    async def stop_early() -> None:
        async with shell("sleep 60"):
            pass

    asyncio.run(stop_early())


GRANDCHILD = "sh -c 'echo $$ > {pid}; echo started; exec sleep 60'"


def test_grandchild_is_killed_when_reader_stops(tmp_path: Path) -> None:
    async def stop_early() -> None:
        async with running(GRANDCHILD.format(pid=tmp_path / "pid") + "; true") as output:
            assert await anext(output) == b"started\n"

    asyncio.run(stop_early())
    assert eventually(lambda: has_exited(tmp_path / "pid"))


@pytest.mark.parametrize("status", [0, 1])
def test_background_child_is_killed_when_program_exits(tmp_path: Path, status: int) -> None:
    script = f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid; exit {status}"
    if status:
        assert "status 1" in error_text(script)
    else:
        assert asyncio.run(read_output(shell(script))) == b""
    assert eventually(lambda: has_exited(tmp_path / "pid"))


def test_suspended_program_is_killed_when_reader_stops() -> None:
    async def stop_early() -> None:
        async with running("echo started; kill -STOP $$; echo never") as output:
            assert await anext(output) == b"started\n"
            (child,) = children()
            assert await asyncio.to_thread(eventually, lambda: child.status() == psutil.STATUS_STOPPED)

    asyncio.run(stop_early())


def test_program_that_ignores_signals_is_killed_when_reader_stops() -> None:
    async def stop_early() -> None:
        async with running("trap '' TERM INT HUP PIPE; echo started; while :; do sleep 1; done") as output:
            assert await anext(output) == b"started\n"

    asyncio.run(stop_early())


def test_program_is_killed_when_reader_fails() -> None:
    async def fail() -> None:
        async with running(ENDLESS) as output:
            await anext(output)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())


@pytest.mark.parametrize("script", ["sleep 60", "exec >&-; sleep 60", ENDLESS, "kill -STOP $$"])
def test_program_is_killed_when_task_is_cancelled(script: str) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(read_output(shell(script)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not children()

    asyncio.run(cancel())
