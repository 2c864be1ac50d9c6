"""Shield: cleanup is awaited to its end despite cancellations."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from tornado_archiver.runtime.cancellation import shielded


def run_without_loop_errors(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main` and fail if asyncio reports an exception that was not handled."""
    errors: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        await main()

    asyncio.run(run())
    gc.collect()  # because a future reports an exception that was not retrieved when it is deleted
    assert not errors


async def value() -> str:
    await asyncio.sleep(0)
    return "value"


async def failing() -> str:
    await asyncio.sleep(0)
    raise ZeroDivisionError


def test_shielded_returns_result() -> None:
    async def main() -> None:
        assert await shielded(value()) == "value"
        assert await shielded(asyncio.ensure_future(value())) == "value"
        assert await shielded(asyncio.get_running_loop().run_in_executor(None, str, 5)) == "5"

    run_without_loop_errors(main)


def test_shielded_raises_error() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await shielded(failing())

    run_without_loop_errors(main)


def test_shielded_accepts_done_future() -> None:
    async def main() -> None:
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        done.set_result("value")
        assert await shielded(done) == "value"

    run_without_loop_errors(main)


def test_shielded_raises_cancellation_of_inner_task() -> None:
    async def main() -> None:
        work = asyncio.ensure_future(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(work.cancel)
        with pytest.raises(asyncio.CancelledError):
            await shielded(work)

    run_without_loop_errors(main)


@pytest.mark.parametrize("times", [1, 2, 10])
@pytest.mark.parametrize("fails", [False, True])
def test_cancelled_task_waits_for_thread(times: int, fails: bool) -> None:
    events: list[str] = []
    release = threading.Event()

    def work() -> None:
        release.wait(60)
        events.append("work")
        if fails:
            raise ZeroDivisionError

    async def wait() -> None:
        try:
            await shielded(asyncio.to_thread(work))
        finally:
            events.append("wait")

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
        assert events == ["work", "wait"]

    try:
        run_without_loop_errors(main)
    finally:
        release.set()


def test_timeout_is_raised_after_shielded_work() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await shielded(asyncio.sleep(0.1))

    run_without_loop_errors(main)


def test_cancellation_creates_no_reference_cycle() -> None:
    """A cycle would keep the chunks of an aborted download until the collector runs, which is rare."""

    class Chunk:
        pass

    refs: list[weakref.ref[Chunk]] = []

    async def send() -> None:
        chunk = Chunk()
        refs.append(weakref.ref(chunk))
        await shielded(asyncio.sleep(0.01))

    async def send_and_cancel() -> None:
        task = asyncio.create_task(send())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    gc.disable()
    try:
        asyncio.run(send_and_cancel())
        assert refs[0]() is None
    finally:
        gc.enable()
