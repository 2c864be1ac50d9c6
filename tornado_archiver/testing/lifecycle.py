"""How a backend behaves while it packs, and what it leaves behind."""

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

_ASKING_BYTES = 256 * 1024
_NOISE_BYTES = 16 * 1024 * 1024  # more than pipes and buffers hold


class LifecycleTests(ConformanceBase):
    def test_opening_starts_nothing(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=40, size=200_000)

        async def opened() -> int:
            backend, manifest = self.make_backend(), await trees.manifest_of(root)
            before, read_before, run_before = ResourceSnapshot.now(), bytes_read(), work_of_ended_programs()
            archive = await backend.open(manifest)
            before.assert_unchanged()
            assert work_of_ended_programs() == run_before
            del archive
            return bytes_read() - read_before

        assert self.run_async(opened()) < 4_000_000

    def test_backpressure(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=64, size=1024 * 1024)

        async def read_ahead(archive: Archive) -> int:
            before = bytes_read()
            async with aclosing(archive.chunks()) as chunks:
                await anext(chunks)
                return await _settled(lambda: bytes_read() - before)

        ahead = self.run(root, read_ahead)
        assert ahead < MAX_AHEAD_BYTES, f"{ahead} bytes were read for one chunk: it runs ahead of its reader"

    def test_lets_the_event_loop_run(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=16, size=1024 * 1024)

        async def turns(archive: Archive) -> int:
            count = 0

            async def turn() -> None:
                nonlocal count
                while True:
                    await asyncio.sleep(0)
                    count += 1

            other = asyncio.create_task(turn())
            chunks = await chunks_of(archive)
            other.cancel()
            return count - len(chunks)

        assert self.run(root, turns) > 0

    def test_reads_in_other_threads(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=4, size=1024 * 1024)

        async def threads(archive: Archive) -> set[str]:
            with record_reader_threads() as found:
                async with aclosing(archive.chunks()) as chunks:
                    async for _ in chunks:  # the bytes of a slice of a file would be read here
                        pass
            return found

        event_loop = threading.current_thread().name
        assert event_loop not in self.run(root, threads), "the event loop waits for the disk"

    @pytest.mark.parametrize("pulls", [0, 1, 3])
    def test_releases_resources_when_closed(self, tmp_path: Path, pulls: int) -> None:
        async def close_early(archive: Archive) -> None:
            async with aclosing(archive.chunks()) as chunks:
                for _ in range(pulls):
                    await anext(chunks)

        self._leaves_nothing(tmp_path, close_early)

    def test_releases_resources_when_cancelled(self, tmp_path: Path) -> None:
        async def cancel(archive: Archive) -> None:
            pulling = asyncio.create_task(whole(archive))
            await asyncio.sleep(0.05)
            pulling.cancel()
            await asyncio.wait([pulling])
            assert pulling.cancelled() or len(pulling.result()) > _NOISE_BYTES, (
                "a cancelled archive ended well"
            )

        self._leaves_nothing(tmp_path, cancel)

    def test_releases_resources_when_a_pull_is_cancelled(self, tmp_path: Path) -> None:
        async def cancel(archive: Archive) -> None:
            async with aclosing(archive.chunks()) as chunks:
                await anext(chunks)
                pull = asyncio.ensure_future(anext(chunks))
                await asyncio.sleep(0)  # so that it is cancelled within the pull, not before it
                pull.cancel()
                await asyncio.wait([pull])
                assert pull.cancelled() or pull.exception() is None, "a cancelled archive ended well"

        self._leaves_nothing(tmp_path, cancel)

    def test_releases_resources_when_complete(self, tmp_path: Path) -> None:
        async def complete(archive: Archive) -> None:
            await whole(archive)

        self._leaves_nothing(tmp_path, complete)

    @pytest.mark.parametrize("pulls", [1, 10_000])
    def test_releases_resources_of_a_range(self, tmp_path: Path, pulls: int) -> None:
        async def compared(archive: Archive) -> None:
            if archive.info.length is not None:
                before = ResourceSnapshot.now()
                async with aclosing(archive.chunks(ByteRange(1, archive.info.length - 1))) as chunks:
                    for _ in range(pulls):
                        await anext(chunks, None)
                before.assert_unchanged()

        self.run(trees.noisy(tmp_path / "photos", files=4, size=1024 * 1024), compared)

    def _leaves_nothing(self, tmp_path: Path, use: Callable[[Archive], Coroutine[Any, Any, None]]) -> None:
        """Once with plain names and once with names that a program may need help with."""
        plain = trees.noisy(tmp_path / "plain", files=32, size=_NOISE_BYTES // 32)
        odd = trees.noisy(tmp_path / "odd", files=32, size=_NOISE_BYTES // 32)
        trees.write(odd / "in" / "a:b.jpg", b"odd")

        async def compared(archive: Archive) -> None:
            before = ResourceSnapshot.now()
            await use(archive)
            before.assert_unchanged()

        self.run(plain, compared)
        self.run(odd, compared)


async def _settled(count: Callable[[], int]) -> int:
    """The count when it has hardly grown for half a second (to ask for it counts a little), or when it has
    gone too far already."""
    seen = [count()]
    while len(seen) < 10 or seen[-1] - seen[-10] > _ASKING_BYTES:
        if seen[-1] >= MAX_AHEAD_BYTES:
            break
        await asyncio.sleep(0.05)
        seen.append(count())
    return seen[-1]
