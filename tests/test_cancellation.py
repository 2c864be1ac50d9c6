"""Blocking work that stops when nobody waits for its result any more."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from tests.memory_storage import entry, manifest_of
from tests.test_cleanup import quietly
from tests.test_scan_timeout import service_of
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.backends.zip.stored import StoredZipLayout
from tornado_archiver.backends.zip.symlink_farm import prepare_input
from tornado_archiver.errors import StorageUnavailableError
from tornado_archiver.runtime.cancellation import cancel_event, check_cancelled, with_checkpoints
from tornado_archiver.runtime.threads import finish_in_thread, run_in_thread
from tornado_archiver.source import Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalSource, LocalStorage, unopenable
from tornado_archiver.testing import trees
from tornado_archiver.testing.probes import nothing_left_open

Run = Callable[..., Coroutine[Any, Any, Any]]
RUNS: list[Run] = [run_in_thread, finish_in_thread]


class Work:
    """Blocking work with checkpoints, which ends by itself only when `gate` is open."""

    def __init__(self, *, has_checkpoints: bool = True) -> None:
        self._has_checkpoints = has_checkpoints
        self.started = threading.Event()
        self.gate = threading.Event()
        self.ended: list[str] = []

    def __call__(self) -> str:
        self.started.set()
        try:
            while not self.gate.wait(0.001):
                if self._has_checkpoints:
                    check_cancelled()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("done")
        return "result"


async def cancel(task: "asyncio.Task[str]", work: Work) -> None:
    assert await asyncio.to_thread(work.started.wait, 60)
    task.cancel()


@pytest.mark.parametrize("run", RUNS)
def test_work_in_thread_returns_its_result(run: Run) -> None:
    async def main() -> None:
        assert await run(lambda *given: given, 1, "two") == (1, "two")

    quietly(main)


@pytest.mark.parametrize("run", RUNS)
def test_work_in_thread_raises_its_error(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await run(lambda: 1 / 0)

    quietly(main)


@pytest.mark.parametrize("run", RUNS)
def test_work_of_cancelled_task_stops_at_checkpoint(run: Run) -> None:
    work = Work()

    async def main() -> None:
        task = asyncio.create_task(run(work))
        await cancel(task, work)
        with pytest.raises(asyncio.CancelledError):
            await task

    quietly(main)  # which waits for the threads
    assert work.ended == ["cancelled"]


def test_hanging_work_does_not_hold_its_cancelled_task() -> None:
    work = Work(has_checkpoints=False)

    async def main() -> None:
        task = asyncio.create_task(run_in_thread(work))
        await cancel(task, work)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not work.ended
        work.gate.set()

    quietly(main)
    assert work.ended == ["done"]


def test_work_that_shares_resources_ends_before_its_cancelled_task() -> None:
    work = Work(has_checkpoints=False)

    async def main() -> None:
        task = asyncio.create_task(finish_in_thread(work))
        await cancel(task, work)
        await asyncio.sleep(0.05)
        assert not task.done()
        work.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert work.ended == ["done"]

    quietly(main)


@pytest.mark.parametrize("run", RUNS)
def test_work_cancelled_before_a_thread_is_free_never_starts(run: Run) -> None:
    holder, work = Work(), Work()

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        holding = asyncio.create_task(run_in_thread(holder))
        task = asyncio.create_task(run(work))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        holder.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await holding

    quietly(main)
    assert not work.started.is_set()


def test_checkpoints_do_nothing_outside_of_such_work() -> None:
    check_cancelled()
    assert list(with_checkpoints(range(1000))) == list(range(1000))


# The scan


@pytest.mark.parametrize("is_late", [False, True], ids=["client gone", "timeout"])
def test_scan_whose_request_is_gone_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    for number in range(50):
        (tmp_path / f"album/{number}").mkdir(parents=True)
    listed: list[object] = []
    at_third, gate, scandir = threading.Event(), threading.Event(), os.scandir

    def held_scandir(directory: int) -> object:
        listed.append(directory)
        if len(listed) == 3:
            at_third.set()
            assert gate.wait(60)
        return scandir(directory)

    monkeypatch.setattr(os, "scandir", held_scandir)

    async def main() -> None:
        service = service_of(LocalStorage(tmp_path, SourceFilter()), 0.2 if is_late else 0)
        task = asyncio.create_task(service.scan("album"))
        assert await asyncio.to_thread(at_third.wait, 60)
        if not is_late:
            task.cancel()
        with pytest.raises(StorageUnavailableError if is_late else asyncio.CancelledError):
            await task
        gate.set()

    quietly(main)  # which waits for the thread
    assert len(listed) == 3


# All else that takes long


def cancelled_at_once(work: Callable[[], object]) -> None:
    """Do it in the place of a thread whose task has just been cancelled."""

    def run() -> None:
        event = threading.Event()
        event.set()
        cancel_event.set(event)
        with pytest.raises(asyncio.CancelledError):
            work()

    copy_context().run(run)


@pytest.mark.parametrize(
    "make", [TarLayout, lambda found: StoredZipLayout(found, 1), lambda found: StoredZipLayout(found, 10**6)]
)
def test_layout_for_request_that_is_gone_stops(make: Callable[[Manifest], object]) -> None:
    cancelled_at_once(lambda: make(manifest_of(entry("1.jpg"))))


@pytest.mark.parametrize("name", ["1.jpg", "a:b.jpg"], ids=["plain", "view"])
def test_reading_for_request_that_is_gone_stops(tmp_path: Path, name: str) -> None:
    trees.write(tmp_path / "album" / name, b"1", mode=0o600)
    found = asyncio.run(trees.manifest_of(tmp_path / "album"))
    source = found.source
    assert isinstance(source, LocalSource)
    with nothing_left_open(), source.reader() as reader, ExitStack() as resources:
        cancelled_at_once(lambda: reader.verify(found.entries))
        cancelled_at_once(lambda: list(unopenable(source, found.entries)))
        cancelled_at_once(lambda: prepare_input(found.entries, reader, resources))
