"""Rate limits with token buckets: of one download and of all, and a delay that simulates slow downloads."""

import asyncio
import ctypes
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass

from tornado_archiver.errors import BackendError
from tornado_archiver.source import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, Chunk, FileSlice

_BURST_S = 0.1
_SLICES_PER_S = 20  # small enough for an even flow, large enough to cost nothing
_MIN_SLICE_BYTES, _MAX_SLICE_BYTES = 4 * 1024, 1024 * 1024

Chunks = AsyncGenerator[Chunk, None]


class BucketFields(ctypes.Structure):
    """The state of a token bucket. `free_at`: time.monotonic() when it has refilled what was reserved."""

    _fields_ = [("free_at", ctypes.c_double)]
    free_at: float


class TokenBucket:
    """A token bucket that refills with `bytes_per_s` tokens and holds those of _BURST_S seconds.

    All processes share one whose state `fields` is in the scoreboard, under its lock `locked`. Generations
    with different rates share it too: each reserves at its rate.
    """

    def __init__(
        self,
        bytes_per_s: int,
        fields: BucketFields | None = None,
        locked: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.bytes_per_s = bytes_per_s
        self._fields = fields or BucketFields()
        self._locked = locked

    def reserve(self, size: int) -> float:
        """Reserve `size` tokens behind those reserved before; return the seconds until they are there."""
        with self._locked():
            now = time.monotonic()
            start = max(self._fields.free_at, now - _BURST_S)
            self._fields.free_at = start + size / self.bytes_per_s
            return max(0.0, start - now)

    def cancel(self, size: int) -> None:
        """Give back `size` tokens that were reserved and not used, so that later ones come earlier."""
        with self._locked():
            self._fields.free_at -= size / self.bytes_per_s


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Throttles downloads.

    `rate_limit`: bytes per second of one download, 0 for no limit. `total`: the bucket of all downloads.
    `delay_s`: the pause before each chunk, 0 for none. With a pause, a chunk has at most MIN_CHUNK_BYTES, so
    that a small archive is slow too. `chunk_timeout_s`: the longest wait for a chunk of the backend, without
    pauses; 0 for no limit.
    """

    rate_limit: int = 0
    total: TokenBucket | None = None
    delay_s: float = 0
    chunk_timeout_s: float = 0

    @property
    def max_chunk_bytes(self) -> int:
        """The maximum memory of a chunk that waits for its tokens.

        It is the amount that one download may send at once, as far as that is known.
        """
        if self.total or self.delay_s:
            return MIN_CHUNK_BYTES
        if self.rate_limit:
            return min(max(self.rate_limit // _SLICES_PER_S, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES)
        return MAX_CHUNK_BYTES

    def throttle(
        self, chunks: Chunks, on_timeout: Callable[[BackendError], None] = lambda error: None
    ) -> Chunks:
        """Return the same bytes at the limited rate. Raise BackendError if a chunk exceeds its timeout.

        `on_timeout` is called with that error before the wait is cancelled, because a thread that hangs in a
        dead mount delays the cancellation indefinitely.
        """
        if self.chunk_timeout_s:
            chunks = _with_timeout(chunks, self.chunk_timeout_s, on_timeout)
        if self.delay_s:
            chunks = _delayed(chunks, self.delay_s)
        if self.rate_limit:
            chunks = _throttled(chunks, TokenBucket(self.rate_limit))
        if self.total:
            chunks = _throttled(chunks, self.total)
        return chunks


async def _with_timeout(chunks: Chunks, seconds: float, on_timeout: Callable[[BackendError], None]) -> Chunks:
    """Limit the wait for a chunk, because a process that is stopped or hangs in a dead mount never ends."""
    loop, error = asyncio.get_running_loop(), BackendError(f"nothing came from the backend for {seconds:g} s")
    async with aclosing(chunks):
        while True:
            alarm = loop.call_later(seconds, on_timeout, error)
            try:
                async with asyncio.timeout(seconds):
                    ready = [await anext(chunks)]
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise BackendError(*error.args) from None
            finally:
                alarm.cancel()
            yield ready.pop()  # so that only the consumer refers to the chunk meanwhile


async def _throttled(chunks: Chunks, bucket: TokenBucket) -> Chunks:
    size = min(max(bucket.bytes_per_s // _SLICES_PER_S, _MIN_SLICE_BYTES), _MAX_SLICE_BYTES)
    async with aclosing(chunks):
        async for chunk in chunks:
            for part in _split(chunk, size):
                await _acquire(bucket, len(part))
                yield part


async def _acquire(bucket: TokenBucket, size: int) -> None:
    try:
        await asyncio.sleep(bucket.reserve(size))
    except asyncio.CancelledError:  # because clients that disconnect would slow down all others
        bucket.cancel(size)
        raise


async def _delayed(chunks: Chunks, seconds: float) -> Chunks:
    async with aclosing(chunks):
        async for chunk in chunks:
            for part in _split(chunk, MIN_CHUNK_BYTES):
                await asyncio.sleep(seconds)
                yield part


def _split(chunk: Chunk, size: int) -> Iterator[Chunk]:
    if isinstance(chunk, FileSlice):
        return chunk.split(size)
    return (chunk[start : start + size] for start in range(0, len(chunk), size))
