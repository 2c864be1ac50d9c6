"""Conformance test of the memory of an archive, as the kernel counts it for this process and its programs."""

import asyncio
import gc
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import psutil

from tornado_archiver.backend import Archive, ByteRange
from tornado_archiver.runtime import heap
from tornado_archiver.source import MIN_CHUNK_BYTES, Chunk
from tornado_archiver.testing import trees
from tornado_archiver.testing.base import ConformanceBase

_MIB = 1024 * 1024
_SMALL_BYTES = 8 * _MIB  # fills the tables and windows of a compressor, which do not depend on the file
_LARGE_BYTES = 128 * _MIB
_SAMPLE_PERIOD_S = 0.02
_PAUSE_S = 0.5  # of the client; repeated while the memory grows
_NEWER_CHUNKS = 2  # one is sent, one is prepared
_COUNTED_BYTES = 4096  # a smaller chunk can be a constant of the backend
# Memory without the page cache, which mmap(2) adds to the resident set
_OWN_KIB = re.compile(rb"^(?:RssAnon|VmSwap):\s+(\d+) kB$", re.MULTILINE)
_PRIVATE_KIB = re.compile(rb"^(?:Private_Dirty|SwapPss):\s+(\d+) kB$", re.MULTILINE)


class MemoryTests(ConformanceBase):
    def test_memory_is_independent_of_file_size(self, tmp_path: Path) -> None:
        """For a client that pauses after its first chunk, and for one that requests a range."""
        small, large = (_sparse(tmp_path / str(size), size) for size in (_SMALL_BYTES, _LARGE_BYTES))
        baseline = self.run(small, _peak_growth)
        stop_at = baseline + self.memory_limit_bytes
        excess = self.run(large, lambda archive: _peak_growth(archive, stop_at, _PAUSE_S)) - baseline
        assert excess < self.memory_limit_bytes, (
            f"a file of {_LARGE_BYTES // _MIB} MiB takes {excess // _MIB} MiB more memory than one of"
            f" {_SMALL_BYTES // _MIB} MiB: it holds whole files, all chunks, or a buffer without a limit"
        )

    def test_sent_chunks_are_released(self, tmp_path: Path) -> None:
        """By reference counts, because the chunks of a compressed sparse file need little memory."""
        root = trees.noisy(tmp_path / "photos", files=2, size=_MIB)
        counts = self.run(root, _reference_counts)
        unshared = [bytes(_COUNTED_BYTES)]
        expected = sys.getrefcount(unshared[0])  # not in the assertion, because pytest adds a reference there
        assert not counts or min(counts) <= expected, (
            "each chunk is still referenced when the next ones have been sent: it keeps all chunks"
        )


def _sparse(photos: Path, size: int) -> Path:
    """Create a source with one file of zeros that needs no space on the disk."""
    root = photos / trees.SOURCE
    trees.write(root / "large.bin", b"")
    os.truncate(root / "large.bin", size)
    os.utime(root / "large.bin", (trees.MTIME_S, trees.MTIME_S))
    return root


async def _peak_growth(archive: Archive, stop_at: int = _LARGE_BYTES, pause_s: float = 0) -> int:
    """Return by how many bytes the memory grows at most, or the first growth of `stop_at` bytes.

    The client pauses after the first chunk.
    """
    with _sampled_growth() as peak:
        for byte_range in (None, *_second_half(archive)):
            async with aclosing(archive.chunks(byte_range)) as chunks:
                await anext(chunks)
                if byte_range is None:
                    await _pause(peak, pause_s)
                async for _ in chunks:  # without reading the slices, which hold no memory
                    if peak() >= stop_at:
                        return peak()
        return peak()


def _second_half(archive: Archive) -> list[ByteRange]:
    length = archive.info.length
    return [] if length is None else [ByteRange(length // 2, length)]


async def _reference_counts(archive: Archive) -> list[int]:
    """Return the reference count of each chunk when _NEWER_CHUNKS chunks after it have been received."""
    archive.chunk_bytes = MIN_CHUNK_BYTES
    counts = []
    recent: deque[Chunk] = deque()
    async with aclosing(archive.chunks()) as chunks:
        async for chunk in chunks:
            recent.append(chunk)
            del chunk
            if len(recent) > _NEWER_CHUNKS:
                if isinstance(recent[0], bytes) and len(recent[0]) >= _COUNTED_BYTES:
                    counts.append(sys.getrefcount(recent[0]))
                recent.popleft()
    return counts


async def _pause(peak: Callable[[], int], pause_s: float) -> None:
    """Return when the memory has stopped growing for `pause_s` seconds."""
    before = -_LARGE_BYTES
    while peak() - before > _MIB:
        before = peak()
        await asyncio.sleep(pause_s)


@contextmanager
def _sampled_growth() -> Iterator[Callable[[], int]]:
    """Yield a function that returns by how many bytes the memory has grown at most.

    It is sampled by a thread, because a backend can release memory before it yields a chunk.
    """
    gc.collect()
    heap.trim()  # because memory that other tests have freed would be used again, without a growth
    own_addresses = _addresses(_read("/proc/self/smaps_rollup"))
    start = _memory_bytes(own_addresses)
    assert start, "the kernel does not report RssAnon in /proc/self/status (Linux 4.5)"
    peaks = [start]
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_PERIOD_S):
            peaks[0] = max(peaks[0], _memory_bytes(own_addresses))

    sampler = threading.Thread(target=sample, name="memory sampler")
    sampler.start()
    try:
        yield lambda: peaks[0] - start
    finally:
        ended.set()
        sampler.join()


def _memory_bytes(own_addresses: bytes) -> int:
    """Return the memory of this process and of all programs that it has started."""
    pids = [child.pid for child in psutil.Process().children(recursive=True)]
    usages = [_read(f"/proc/{pid}/smaps_rollup") for pid in pids]
    # between fork(2) and execve(2), a child has all memory of this process
    programs = [usage for usage in usages if _addresses(usage) != own_addresses]
    return _bytes(_OWN_KIB, _read("/proc/self/status")) + sum(
        _bytes(_PRIVATE_KIB, usage) for usage in programs
    )


def _addresses(usage: bytes) -> bytes:
    """Return the range of addresses at the start of smaps_rollup, which differs after execve(2)."""
    return usage.split(b" ", 1)[0]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # the process has exited, or runs as another user
        return b""


def _bytes(lines: re.Pattern[bytes], usage: bytes) -> int:
    return 1024 * sum(map(int, lines.findall(usage)))
