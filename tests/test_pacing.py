"""A slower way for the same bytes. How slow is asked of the clock only where it cannot be too fast."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tornado_archiver.errors import BackendError
from tornado_archiver.ledger import Ledger
from tornado_archiver.pacing import Pacing
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
    """Chunks as a backend gives them; `closed` tells whether they were put away."""

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


@pytest.mark.parametrize(
    "limits",
    [{}, {"rate_limit": 3_000_000}, {"total_rate_limit": 3_000_000}, {"rate_limit": 10**9, "delay_s": 0.001}],
)
def test_the_bytes_stay_the_same(chunks: list[Chunk], limits: dict[str, int]) -> None:
    given = Given(chunks)
    found = asyncio.run(taken(Pacing(Ledger(), **limits).paced(given())))
    assert b"".join(found) == b"".join(map(read_chunk, chunks))
    assert given.closed


@pytest.mark.parametrize("limit", ["rate_limit", "total_rate_limit"])
def test_a_limited_download_takes_its_time(chunks: list[Chunk], limit: str) -> None:
    size = sum(map(len, chunks))
    pacing = Pacing(Ledger(), **{limit: size})  # a second's worth
    began = time.monotonic()
    found = asyncio.run(taken(pacing.paced(Given(chunks)())))
    assert time.monotonic() - began > 0.7
    assert max(map(len, found)) < size / 10, "it comes evenly"


def test_downloads_together_keep_to_the_total(chunks: list[Chunk]) -> None:
    size = sum(map(len, chunks))
    pacing = Pacing(Ledger(), total_rate_limit=4 * size)

    async def four() -> None:
        await asyncio.gather(*(taken(pacing.paced(Given(chunks)())) for _ in range(4)))

    began = time.monotonic()
    asyncio.run(four())
    assert time.monotonic() - began > 0.7


def test_what_never_comes_is_not_waited_for(chunks: list[Chunk]) -> None:
    given = Given(chunks)

    async def stopped() -> AsyncGenerator[Chunk, None]:
        async for chunk in given():
            yield chunk
            await asyncio.sleep(3600)

    with pytest.raises(BackendError, match=r"^nothing came from the backend for 0\.1 s$"):
        asyncio.run(taken(Pacing(Ledger(), patience_s=0.1).paced(stopped())))
    assert given.closed


def test_it_is_told_although_the_backend_hangs_on(chunks: list[Chunk]) -> None:
    told, gone_on = [], threading.Event()

    def hanging() -> Generator[Chunk, None, None]:
        yield chunks[0]
        gone_on.wait(20)

    def give_up(error: BackendError) -> None:
        told.append((str(error), gone_on.is_set()))
        gone_on.set()

    with pytest.raises(BackendError):
        asyncio.run(taken(Pacing(Ledger(), patience_s=0.1).paced(iterate_in_thread(hanging()), give_up)))
    assert told == [("nothing came from the backend for 0.1 s", False)]


def test_who_leaves_while_it_waits_for_its_turn_holds_up_nobody() -> None:
    ledger = Ledger()
    ledger.reserve(10**8, 10**6)  # a turn that does not come before it leaves, however late that is

    async def leave() -> None:
        task = asyncio.create_task(taken(Pacing(ledger, total_rate_limit=10**6).paced(Given([DATA])())))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])

    before = ledger._book.free_at
    asyncio.run(leave())
    assert ledger._book.free_at == pytest.approx(before, abs=0.001)


def test_who_leaves_early_leaves_nothing_open(chunks: list[Chunk]) -> None:
    given = Given(chunks)

    async def leave() -> None:
        pieces = Pacing(Ledger(), rate_limit=10**6, total_rate_limit=10**6, delay_s=0.01).paced(given())
        await anext(pieces)
        await pieces.aclose()

    asyncio.run(leave())
    assert given.closed
