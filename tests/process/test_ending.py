"""Programs whose reader leaves early: nothing of them stays, however they behave."""

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.process.programs import ENDLESS, children, failure, is_gone, printed, running, shell
from tests.servers import eventually


def test_leaving_early_ends_the_program(tmp_path: Path) -> None:
    async def leave() -> None:
        async with running(f"echo $$ > {tmp_path}/pid; {ENDLESS}") as output:
            await anext(output)
        assert is_gone(tmp_path / "pid")

    asyncio.run(leave())


def test_leaving_before_the_first_byte_ends_the_program() -> None:
    async def leave() -> None:
        async with shell("sleep 60"):
            pass

    asyncio.run(leave())


GRANDCHILD = "sh -c 'echo $$ > {pid}; echo started; exec sleep 60'"


def test_leaving_early_ends_what_the_program_has_started(tmp_path: Path) -> None:
    async def leave() -> None:
        async with running(GRANDCHILD.format(pid=tmp_path / "pid") + "; true") as output:
            assert await anext(output) == b"started\n"

    asyncio.run(leave())
    assert eventually(lambda: is_gone(tmp_path / "pid"))


@pytest.mark.parametrize("status", [0, 1])
def test_what_a_program_leaves_behind_at_its_end_is_ended(tmp_path: Path, status: int) -> None:
    script = f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid; exit {status}"
    if status:
        assert "status 1" in failure(script)
    else:
        assert asyncio.run(printed(shell(script))) == b""
    assert eventually(lambda: is_gone(tmp_path / "pid"))


def test_a_stopped_program_is_gone_as_well() -> None:
    async def leave() -> None:
        async with running("echo started; kill -STOP $$; echo never") as output:
            assert await anext(output) == b"started\n"
            (child,) = children()
            assert await asyncio.to_thread(eventually, lambda: child.status() == psutil.STATUS_STOPPED)

    asyncio.run(leave())


def test_a_program_that_refuses_to_end_is_gone_as_well() -> None:
    async def leave() -> None:
        async with running("trap '' TERM INT HUP PIPE; echo started; while :; do sleep 1; done") as output:
            assert await anext(output) == b"started\n"

    asyncio.run(leave())


def test_an_error_of_the_reader_ends_the_program() -> None:
    async def fail() -> None:
        async with running(ENDLESS) as output:
            await anext(output)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())


@pytest.mark.parametrize("script", ["sleep 60", "exec >&-; sleep 60", ENDLESS, "kill -STOP $$"])
def test_cancelling_while_waiting(script: str) -> None:
    async def cancel() -> None:
        pulling = asyncio.create_task(printed(shell(script)))
        await asyncio.sleep(0.1)
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        assert not children()

    asyncio.run(cancel())
