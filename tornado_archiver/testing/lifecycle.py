"""Conformance tests of the lifecycle of an archive: opening, backpressure, cancellation and cleanup."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tornado_archiver.backend import Archive, ByteRange
from tornado_archiver.testing import trees
from tornado_archiver.testing.base import ConformanceBase, chunks_of, whole
from tornado_archiver.testing.probes import (
    ResourceSnapshot,
    bytes_read,
    record_reader_threads,
    work_of_ended_programs,
)

MAX_AHEAD_BYTES = 8 * 1024 * 1024

_MEASUREMENT_BYTES = 256 * 1024  # that `bytes_read` may count for itself
_NOISE_BYTES = 16 * 1024 * 1024  # more than pipes and buffers hold


class LifecycleTests(ConformanceBase):
    """Resources and threads of an archive, from `open` to the end or the cancellation of `chunks`."""

    def test_open_reads_and_starts_nothing(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=40, size=200_000)

        async def bytes_read_by_open() -> int:
            backend, manifest = self.make_backend(), await trees.manifest_of(root)
            before, read_before, run_before = ResourceSnapshot.now(), bytes_read(), work_of_ended_programs()
            archive = await backend.open(manifest)
            before.assert_unchanged()
            assert work_of_ended_programs() == run_before
            del archive
            return bytes_read() - read_before

        assert self.run_async(bytes_read_by_open()) < 4_000_000

    def test_backpressure(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=64, size=1024 * 1024)

        async def read_ahead(archive: Archive) -> int:
            before = bytes_read()
            async with aclosing(archive.chunks()) as chunks:
                await anext(chunks)
                return await _stable_count(lambda: bytes_read() - before)

        ahead = self.run(root, read_ahead)
        assert ahead < MAX_AHEAD_BYTES, f"{ahead} bytes were read for one chunk: it ignores backpressure"

    def test_event_loop_is_not_blocked(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=16, size=1024 * 1024)

        async def extra_iterations(archive: Archive) -> int:
            iterations = 0

            async def count_iterations() -> None:
                nonlocal iterations
                while True:
                    await asyncio.sleep(0)
                    iterations += 1

            counter = asyncio.create_task(count_iterations())
            chunks = await chunks_of(archive)
            counter.cancel()
            return iterations - len(chunks)

        assert self.run(root, extra_iterations) > 0

    def test_reads_in_worker_threads(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=4, size=1024 * 1024)

        async def threads(archive: Archive) -> set[str]:
            with record_reader_threads() as names:
                async with aclosing(archive.chunks()) as chunks:
                    async for _ in chunks:  # without reading the slices, which would happen in this thread
                        pass
            return names

        event_loop = threading.current_thread().name
        assert event_loop not in self.run(root, threads), "the event loop reads from the disk"

    @pytest.mark.parametrize("chunk_count", [0, 1, 3])
    def test_releases_resources_when_closed(self, tmp_path: Path, chunk_count: int) -> None:
        async def close_early(archive: Archive) -> None:
            async with aclosing(archive.chunks()) as chunks:
                for _ in range(chunk_count):
                    await anext(chunks)

        self._check_resources(tmp_path, close_early)

    def test_releases_resources_when_cancelled(self, tmp_path: Path) -> None:
        async def cancel(archive: Archive) -> None:
            task = asyncio.create_task(whole(archive))
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or len(task.result()) > _NOISE_BYTES, (
                "a cancelled archive ended short without an error"
            )

        self._check_resources(tmp_path, cancel)

    def test_releases_resources_when_next_chunk_is_cancelled(self, tmp_path: Path) -> None:
        async def cancel(archive: Archive) -> None:
            async with aclosing(archive.chunks()) as chunks:
                await anext(chunks)
                task = asyncio.ensure_future(anext(chunks))
                await asyncio.sleep(0)  # so that the task is cancelled after its start
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled() or task.exception() is None, (
                    "a cancelled archive ended without an error"
                )

        self._check_resources(tmp_path, cancel)

    def test_releases_resources_when_complete(self, tmp_path: Path) -> None:
        async def complete(archive: Archive) -> None:
            await whole(archive)

        self._check_resources(tmp_path, complete)

    @pytest.mark.parametrize("chunk_count", [1, 10_000])
    def test_releases_resources_of_range(self, tmp_path: Path, chunk_count: int) -> None:
        async def compare(archive: Archive) -> None:
            if archive.info.length is not None:
                before = ResourceSnapshot.now()
                async with aclosing(archive.chunks(ByteRange(1, archive.info.length - 1))) as chunks:
                    for _ in range(chunk_count):
                        await anext(chunks, None)
                before.assert_unchanged()

        self.run(trees.noisy(tmp_path / "photos", files=4, size=1024 * 1024), compare)

    def _check_resources(self, tmp_path: Path, use: Callable[[Archive], Coroutine[Any, Any, None]]) -> None:
        """Test with ordinary names, and with a name that needs a symlink farm."""
        ordinary = trees.noisy(tmp_path / "ordinary", files=32, size=_NOISE_BYTES // 32)
        unusual = trees.noisy(tmp_path / "unusual", files=32, size=_NOISE_BYTES // 32)
        trees.write(unusual / "in" / "a:b.jpg", b"odd")

        async def compare(archive: Archive) -> None:
            before = ResourceSnapshot.now()
            await use(archive)
            before.assert_unchanged()

        self.run(ordinary, compare)
        self.run(unusual, compare)


async def _stable_count(count: Callable[[], int]) -> int:
    """Return the count once it grows by less than _MEASUREMENT_BYTES in half a second, or is too large."""
    counts = [count()]
    while len(counts) < 10 or counts[-1] - counts[-10] > _MEASUREMENT_BYTES:
        if counts[-1] >= MAX_AHEAD_BYTES:
            break
        await asyncio.sleep(0.05)
        counts.append(count())
    return counts[-1]
