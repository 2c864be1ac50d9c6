"""Cancellation of blocking work: scans, layouts and reads stop at their checkpoints."""

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

from tests.helpers.memory_storage import entry, manifest_of
from tests.runtime.test_shielded import run_without_loop_errors
from tests.web.test_scan_timeout import service_of
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.backends.zip.stored import StoredZipLayout
from tornado_archiver.backends.zip.symlink_farm import prepare_input
from tornado_archiver.errors import StorageUnavailableError
from tornado_archiver.links.link import ArchiveLink
from tornado_archiver.runtime.cancellation import cancel_event, check_cancelled, with_checkpoints
from tornado_archiver.runtime.threads import finish_in_thread, run_in_thread
from tornado_archiver.source import Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalSource, LocalStorage, unopenable
from tornado_archiver.sources.shared_scan import SharedScanStorage
from tornado_archiver.testing import trees
from tornado_archiver.testing.probes import nothing_left_open

Run = Callable[..., Coroutine[Any, Any, Any]]
RUNS: list[Run] = [run_in_thread, finish_in_thread]


class Work:
    """Blocking work with checkpoints; it returns when `gate` is set."""

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
        assert await run(lambda *args: args, 1, "two") == (1, "two")

    run_without_loop_errors(main)


@pytest.mark.parametrize("run", RUNS)
def test_work_in_thread_raises_its_error(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await run(lambda: 1 / 0)

    run_without_loop_errors(main)


@pytest.mark.parametrize("run", RUNS)
def test_work_of_cancelled_task_stops_at_checkpoint(run: Run) -> None:
    work = Work()

    async def main() -> None:
        task = asyncio.create_task(run(work))
        await cancel(task, work)
        with pytest.raises(asyncio.CancelledError):
            await task

    run_without_loop_errors(main)  # which waits for the threads
    assert work.ended == ["cancelled"]


def test_cancelled_task_does_not_wait_for_blocked_thread() -> None:
    work = Work(has_checkpoints=False)

    async def main() -> None:
        task = asyncio.create_task(run_in_thread(work))
        await cancel(task, work)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not work.ended
        work.gate.set()

    run_without_loop_errors(main)
    assert work.ended == ["done"]


def test_cancelled_task_waits_for_thread_with_shared_resources() -> None:
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

    run_without_loop_errors(main)


@pytest.mark.parametrize("run", RUNS)
def test_work_cancelled_while_queued_never_starts(run: Run) -> None:
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

    run_without_loop_errors(main)
    assert not work.started.is_set()


def test_checkpoints_outside_of_task_do_nothing() -> None:
    check_cancelled()
    assert list(with_checkpoints(range(1000))) == list(range(1000))


# The scan


@pytest.mark.parametrize("is_late", [False, True], ids=["client gone", "timeout"])
def test_scan_of_cancelled_request_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    for number in range(50):
        (tmp_path / f"album/{number}").mkdir(parents=True)
    scanned: list[object] = []
    at_third, gate, scandir = threading.Event(), threading.Event(), os.scandir

    def held_scandir(directory: int) -> object:
        scanned.append(directory)
        if len(scanned) == 3:
            at_third.set()
            assert gate.wait(60)
        return scandir(directory)

    monkeypatch.setattr(os, "scandir", held_scandir)

    async def main() -> None:
        storage = SharedScanStorage(LocalStorage(tmp_path, SourceFilter()))  # does not wait for the thread
        service = service_of(storage, 0.2 if is_late else 0)
        task = asyncio.create_task(service.scan(ArchiveLink("album")))
        assert await asyncio.to_thread(at_third.wait, 60)
        if not is_late:
            task.cancel()
        with pytest.raises(StorageUnavailableError if is_late else asyncio.CancelledError):
            await task
        gate.set()

    run_without_loop_errors(main)  # which waits for the thread
    assert len(scanned) == 3


# Other long work


def assert_stops(work: Callable[[], object]) -> None:
    """Run `work` as in a thread whose task has just been cancelled."""

    def run() -> None:
        event = threading.Event()
        event.set()
        cancel_event.set(event)
        with pytest.raises(asyncio.CancelledError):
            work()

    copy_context().run(run)


@pytest.mark.parametrize(
    "make",
    [
        TarLayout,
        lambda manifest: StoredZipLayout(manifest, 1),
        lambda manifest: StoredZipLayout(manifest, 10**6),
    ],
)
def test_layout_of_cancelled_request_stops(make: Callable[[Manifest], object]) -> None:
    assert_stops(lambda: make(manifest_of(entry("1.jpg"))))


@pytest.mark.parametrize("name", ["1.jpg", "a:b.jpg"], ids=["portable", "symlink farm"])
def test_reading_of_cancelled_request_stops(tmp_path: Path, name: str) -> None:
    trees.write(tmp_path / "album" / name, b"1", mode=0o600)
    manifest = asyncio.run(trees.manifest_of(tmp_path / "album"))
    source = manifest.source
    assert isinstance(source, LocalSource)
    with nothing_left_open(), source.reader() as reader, ExitStack() as stack:
        assert_stops(lambda: reader.verify(manifest.entries))
        assert_stops(lambda: list(unopenable(source, manifest.entries)))
        assert_stops(lambda: prepare_input(manifest.entries, reader, stack))
