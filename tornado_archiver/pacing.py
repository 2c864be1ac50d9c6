"""How fast an archive may go out: for one download, for all together, and for trying slow ones."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from tornado_archiver.errors import BackendError
from tornado_archiver.ledger import Ledger, line_up
from tornado_archiver.source import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, Chunk, FileSlice

_PIECES_PER_S = 20  # small enough to flow, large enough to cost nothing
_MIN_PIECE, _MAX_PIECE = 4 * 1024, 1024 * 1024

Chunks = AsyncGenerator[Chunk, None]


@dataclass(frozen=True, slots=True)
class Pacing:
    """`rate_limit` (of one download) and `total_rate_limit` (of all) are in bytes per second, 0 for none;
    `delay_s` is a pause between two chunks. `patience_s`: seconds in which a chunk has to come, 0 for any."""

    ledger: Ledger
    rate_limit: int = 0
    total_rate_limit: int = 0
    delay_s: float = 0
    patience_s: float = 0

    @property
    def max_chunk_bytes(self) -> int:
        """The most memory for a chunk that waits for its turn: what may go out at once, as far as that is
        known for one download."""
        if self.total_rate_limit:
            return MIN_CHUNK_BYTES
        if self.rate_limit:
            return min(max(self.rate_limit // _PIECES_PER_S, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES)
        return MAX_CHUNK_BYTES

    def paced(self, chunks: Chunks, give_up: Callable[[BackendError], None] | None = None) -> Chunks:
        """The same bytes, as fast as they may go. Raises BackendError when they do not come; `give_up` is
        told of it before, for what hangs in a thread, on a disk that is gone, hangs on."""
        if self.patience_s:
            chunks = _awaited(chunks, self.patience_s, give_up or _say_nothing)
        if self.delay_s:
            chunks = _delayed(chunks, self.delay_s)
        if self.rate_limit:
            chunks = _limited(chunks, self.rate_limit, _Line(self.rate_limit))
        if self.total_rate_limit:
            chunks = _limited(chunks, self.total_rate_limit, _SharedLine(self.ledger, self.total_rate_limit))
        return chunks


class _Line:
    """A queue of bytes that moves at a fixed speed, as the ledger's does for all downloads."""

    def __init__(self, bytes_per_s: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    def reserve(self, size: int) -> float:
        """Seconds until it is the turn of `size` more bytes."""
        wait_s, self._free_at = line_up(self._free_at, size, self._bytes_per_s)
        return wait_s

    def give_back(self, size: int) -> None:
        """Nobody else stands in it."""


class _SharedLine:
    """That of all downloads."""

    def __init__(self, ledger: Ledger, bytes_per_s: int) -> None:
        self._ledger = ledger
        self._bytes_per_s = bytes_per_s

    def reserve(self, size: int) -> float:
        return self._ledger.reserve(size, self._bytes_per_s)

    def give_back(self, size: int) -> None:
        self._ledger.give_back(size, self._bytes_per_s)


def _say_nothing(error: BackendError) -> None:
    pass


async def _awaited(chunks: Chunks, seconds: float, give_up: Callable[[BackendError], None]) -> Chunks:
    """A program that was stopped, or waits for a disk that is gone, would keep the visitor for ever."""
    loop, error = asyncio.get_running_loop(), BackendError(f"nothing came from the backend for {seconds:g} s")
    async with aclosing(chunks):
        while True:
            alarm = loop.call_later(seconds, give_up, error)
            try:
                async with asyncio.timeout(seconds):
                    ready = [await anext(chunks)]
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise BackendError(*error.args) from None
            finally:
                alarm.cancel()
            yield ready.pop()  # while this waits, only the reader holds it


async def _limited(chunks: Chunks, bytes_per_s: int, line: _Line | _SharedLine) -> Chunks:
    size = min(max(bytes_per_s // _PIECES_PER_S, _MIN_PIECE), _MAX_PIECE)
    async with aclosing(chunks):
        async for chunk in chunks:
            for piece in _pieces(chunk, size):
                await _turn(line, len(piece))
                yield piece


async def _turn(line: _Line | _SharedLine, size: int) -> None:
    try:
        await asyncio.sleep(line.reserve(size))
    except asyncio.CancelledError:  # or whoever comes and goes would hold up all others
        line.give_back(size)
        raise


async def _delayed(chunks: Chunks, seconds: float) -> Chunks:
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            del chunk
            await asyncio.sleep(seconds)


def _pieces(chunk: Chunk, size: int) -> Iterator[Chunk]:
    if isinstance(chunk, FileSlice):
        return chunk.split(size)
    return (chunk[start : start + size] for start in range(0, len(chunk), size))
