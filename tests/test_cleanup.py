"""Waiting that a cancellation does not cut short."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from tornado_archiver.runtime.cancellation import shielded


def quietly(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in an event loop that must have nothing to complain about."""
    complaints: list[dict[str, Any]] = []

    async def listened() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await main()

    asyncio.run(listened())
    gc.collect()  # a future whose error nobody has looked at complains when it is thrown away
    assert not complaints


async def value() -> str:
    await asyncio.sleep(0)
    return "value"


async def failing() -> str:
    await asyncio.sleep(0)
    raise ZeroDivisionError


def test_the_result_comes_through() -> None:
    async def main() -> None:
        assert await shielded(value()) == "value"
        assert await shielded(asyncio.ensure_future(value())) == "value"
        assert await shielded(asyncio.get_running_loop().run_in_executor(None, str, 5)) == "5"

    quietly(main)


def test_the_error_comes_through() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await shielded(failing())

    quietly(main)


def test_what_is_done_already() -> None:
    async def main() -> None:
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        done.set_result("value")
        assert await shielded(done) == "value"

    quietly(main)


def test_work_that_is_cancelled_itself() -> None:
    async def main() -> None:
        work = asyncio.ensure_future(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(work.cancel)
        with pytest.raises(asyncio.CancelledError):
            await shielded(work)

    quietly(main)


@pytest.mark.parametrize("times", [1, 2, 10])
@pytest.mark.parametrize("fails", [False, True])
def test_a_cancelled_task_waits_for_the_thread_and_is_cancelled_then(times: int, fails: bool) -> None:
    ended: list[str] = []
    release = threading.Event()

    def work() -> None:
        release.wait(60)
        ended.append("work")
        if fails:
            raise ZeroDivisionError

    async def wait() -> None:
        try:
            await shielded(asyncio.to_thread(work))
        finally:
            ended.append("waiting")

    async def main() -> None:
        task = asyncio.create_task(wait())
        for _ in range(times):
            await asyncio.sleep(0.01)
            task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ["work", "waiting"]

    try:
        quietly(main)
    finally:
        release.set()


def test_a_timeout_still_counts() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await shielded(asyncio.sleep(0.1))

    quietly(main)


def test_a_cancellation_leaves_nothing_to_the_collector() -> None:
    """It may keep megabytes of a download that was left, and looks for them rarely."""

    class Chunk:
        pass

    kept: list[weakref.ref[Chunk]] = []

    async def send() -> None:
        chunk = Chunk()
        kept.append(weakref.ref(chunk))
        await shielded(asyncio.sleep(0.01))

    async def leave() -> None:
        sending = asyncio.create_task(send())
        await asyncio.sleep(0)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending

    gc.disable()
    try:
        asyncio.run(leave())
        assert kept[0]() is None
    finally:
        gc.enable()
