"""Rate limits: the same bytes, only later. The clock is asserted only where it cannot be too fast."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest

from tests.limits.test_scoreboard import in_another_process
from tornado_archiver.errors import BackendError
from tornado_archiver.limits.rate import RateLimiter
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.runtime.threads import iterate_in_thread
from tornado_archiver.source import Chunk, FileSlice, read_chunk

DATA = os.urandom(300_000)


@pytest.fixture
def chunks(tmp_path: Path) -> list[Chunk]:
    """Bytes, and slices with and without heads, and a head alone."""
    (tmp_path / "file").write_bytes(DATA)
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    return [
        b"head",
        FileSlice(b"header", descriptor, 10, 250_000),
        FileSlice(b"", descriptor, 0, 4096),
        FileSlice(b"alone", descriptor, 7, 7),
        DATA,
    ]


class Given:
    """Chunks of a backend; `closed`: whether their generator was closed."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = chunks
        self.closed = False

    async def __call__(self) -> AsyncGenerator[Chunk, None]:
        try:
            for chunk in self.chunks:
                yield chunk
        finally:
            self.closed = True


async def taken(chunks: AsyncGenerator[Chunk, None]) -> list[bytes]:
    return [read_chunk(chunk) async for chunk in chunks]


def of_one(bytes_per_s: int) -> RateLimiter:
    return RateLimiter(rate_limit=bytes_per_s)


def of_all(bytes_per_s: int) -> RateLimiter:
    return RateLimiter(total=Scoreboard().token_bucket(bytes_per_s))


@pytest.mark.parametrize(
    "limiter",
    [RateLimiter(), of_one(3_000_000), of_all(3_000_000), RateLimiter(rate_limit=10**9, delay_s=0.001)],
)
def test_throttle_does_not_change_the_bytes(chunks: list[Chunk], limiter: RateLimiter) -> None:
    given = Given(chunks)
    found = asyncio.run(taken(limiter.throttle(given())))
    assert b"".join(found) == b"".join(map(read_chunk, chunks))
    assert given.closed


@pytest.mark.parametrize("limit", [of_one, of_all])
def test_throttle_with_a_rate_takes_its_time(
    chunks: list[Chunk], limit: Callable[[int], RateLimiter]
) -> None:
    size = sum(map(len, chunks))
    limiter = limit(size)  # for a second
    began = time.monotonic()
    found = asyncio.run(taken(limiter.throttle(Given(chunks)())))
    assert time.monotonic() - began > 0.7
    assert max(map(len, found)) < size / 10, "it comes evenly"


def test_throttle_of_several_downloads_keeps_to_the_total_rate(chunks: list[Chunk]) -> None:
    limiter = of_all(4 * sum(map(len, chunks)))

    async def four() -> None:
        await asyncio.gather(*(taken(limiter.throttle(Given(chunks)())) for _ in range(4)))

    began = time.monotonic()
    asyncio.run(four())
    assert time.monotonic() - began > 0.7


def test_throttle_without_a_chunk_in_time_raises(chunks: list[Chunk]) -> None:
    given = Given(chunks)

    async def stopped() -> AsyncGenerator[Chunk, None]:
        async for chunk in given():
            yield chunk
            await asyncio.sleep(3600)

    with pytest.raises(BackendError, match=r"^nothing came from the backend for 0\.1 s$"):
        asyncio.run(taken(RateLimiter(chunk_timeout_s=0.1).throttle(stopped())))
    assert given.closed


def test_throttle_calls_on_timeout_while_the_backend_hangs(chunks: list[Chunk]) -> None:
    timeouts, gone_on = [], threading.Event()

    def hanging() -> Generator[Chunk, None, None]:
        yield chunks[0]
        gone_on.wait(20)

    def on_timeout(error: BackendError) -> None:
        timeouts.append((str(error), gone_on.is_set()))
        gone_on.set()

    with pytest.raises(BackendError):
        asyncio.run(
            taken(RateLimiter(chunk_timeout_s=0.1).throttle(iterate_in_thread(hanging()), on_timeout))
        )
    assert timeouts == [("nothing came from the backend for 0.1 s", False)]


def test_throttle_cancelled_while_waiting_returns_its_tokens() -> None:
    scoreboard = Scoreboard()
    bucket = scoreboard.token_bucket(10**6)
    bucket.reserve(10**8)  # so that no more tokens come before the cancellation, however late that is

    async def cancel() -> None:
        task = asyncio.create_task(taken(RateLimiter(total=bucket).throttle(Given([DATA])())))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])

    before = scoreboard._struct.bucket.free_at
    asyncio.run(cancel())
    assert scoreboard._struct.bucket.free_at == pytest.approx(before, abs=0.001)


def test_throttle_that_is_closed_early_closes_the_chunks(chunks: list[Chunk]) -> None:
    given = Given(chunks)

    async def close() -> None:
        limiter = RateLimiter(10**6, Scoreboard().token_bucket(10**6), delay_s=0.01)
        pieces = limiter.throttle(given())
        await anext(pieces)
        await pieces.aclose()

    asyncio.run(close())
    assert given.closed


def test_token_bucket_is_shared_by_all_processes() -> None:
    scoreboard, began = Scoreboard(), time.monotonic()
    in_another_process(lambda: scoreboard.token_bucket(100).reserve(1000))  # for ten seconds
    wait_s = scoreboard.token_bucket(100).reserve(1)
    assert wait_s <= 10
    assert wait_s + time.monotonic() - began > 8


def test_token_bucket_that_was_not_used_holds_no_more_than_a_burst() -> None:
    bucket, began = Scoreboard().token_bucket(100), time.monotonic()
    assert bucket.reserve(100) == 0
    assert bucket.reserve(100) + time.monotonic() - began > 0.5
