"""Blocking work in threads: the chunks of generators, computed on demand, and shared calls."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import aclosing
from typing import cast

import pytest

from tests.helpers.servers import eventually
from tests.runtime.test_shielded import run_without_loop_errors
from tornado_archiver.runtime.threads import SingleFlight, iterate_in_thread


class ChunkGenerator:
    """Blocking generator that records its calls.

    It waits for `gate` before each chunk after the first, and before its error.
    """

    def __init__(self, chunks: list[bytes], error: type[BaseException] | None = None) -> None:
        self._chunks = chunks
        self._error = error
        self.count = 0
        self.is_closed = False
        self.threads: set[int] = set()
        self.is_working = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def iterate(self) -> Generator[bytes, None, None]:
        try:
            for chunk in self._chunks:
                self.threads.add(threading.get_ident())
                if self.count:
                    self._wait_for_gate()
                self.count += 1
                yield chunk
            if self._error:
                self._wait_for_gate()
                raise self._error
        finally:
            self.is_closed = True

    def _wait_for_gate(self) -> None:
        self.is_working.set()
        assert self.gate.wait(60)


async def collect(generator: ChunkGenerator) -> list[bytes]:
    async with aclosing(iterate_in_thread(generator.iterate())) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], []),
        ([b"a"], [b"a"]),
        ([b"a", b"b", b"c"], [b"a", b"b", b"c"]),
        ([b"", b"a", b"", b"", b"b", b""], [b"a", b"b"]),
        ([b"", b""], []),
    ],
)
def test_chunks_are_yielded_in_order_without_empty_ones(chunks: list[bytes], expected: list[bytes]) -> None:
    generator = ChunkGenerator(chunks)

    async def main() -> None:
        assert await collect(generator) == expected
        assert generator.is_closed

    run_without_loop_errors(main)


def test_chunks_are_computed_outside_of_event_loop_thread() -> None:
    generator = ChunkGenerator([b"a", b"b"])

    async def main() -> None:
        await collect(generator)
        assert threading.get_ident() not in generator.threads

    run_without_loop_errors(main)


def test_no_chunk_is_computed_before_it_is_requested() -> None:
    generator = ChunkGenerator([b"a"] * 10)

    async def main() -> None:
        async with aclosing(iterate_in_thread(generator.iterate())) as chunks:
            await asyncio.sleep(0.05)
            assert generator.count == 0
            for count in range(1, 4):
                await anext(chunks)
                await asyncio.sleep(0.05)
                assert generator.count == count

    run_without_loop_errors(main)


def test_event_loop_runs_while_chunk_is_computed() -> None:
    generator = ChunkGenerator([b"a", b"b"])
    generator.gate.clear()

    async def main() -> None:
        async with aclosing(iterate_in_thread(generator.iterate())) as chunks:
            await anext(chunks)
            next_chunk = asyncio.create_task(anext(chunks))
            await asyncio.to_thread(generator.is_working.wait, 60)
            generator.gate.set()
            assert await next_chunk == b"b"

    run_without_loop_errors(main)


def test_error_is_raised_after_chunks() -> None:
    generator = ChunkGenerator([b"a", b"b"], ZeroDivisionError)

    received: list[bytes] = []

    async def receive() -> None:
        async with aclosing(iterate_in_thread(generator.iterate())) as chunks:
            async for chunk in chunks:
                received.append(chunk)  # noqa: PERF401 - a comprehension would lose the chunks before the error

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await receive()
        assert received == [b"a", b"b"]
        assert generator.is_closed

    run_without_loop_errors(main)


def test_none_chunk_raises_type_error() -> None:
    generator = ChunkGenerator([b"a", cast(bytes, None), b"b"])

    async def main() -> None:
        with pytest.raises(TypeError):
            await collect(generator)
        assert generator.is_closed

    run_without_loop_errors(main)


def test_generator_is_closed_when_iteration_stops_early() -> None:
    generator = ChunkGenerator([b"a"] * 10)

    async def main() -> None:
        async with aclosing(iterate_in_thread(generator.iterate())) as chunks:
            await anext(chunks)
        assert generator.is_closed
        assert generator.count == 1

    run_without_loop_errors(main)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
@pytest.mark.parametrize("times", [1, 3])
def test_cancelled_task_waits_for_running_chunk(times: int, error: type[BaseException] | None) -> None:
    generator = ChunkGenerator([b"a", b""], error)
    generator.gate.clear()

    async def main() -> None:
        task = asyncio.create_task(collect(generator))
        await asyncio.to_thread(generator.is_working.wait, 60)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()
        generator.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert generator.is_closed

    try:
        run_without_loop_errors(main)
    finally:
        generator.gate.set()


def test_cancelled_task_stops_at_empty_chunk() -> None:
    generator = ChunkGenerator([b"a"] + [b""] * 1000)
    generator.gate.clear()

    async def main() -> None:
        task = asyncio.create_task(collect(generator))
        await asyncio.to_thread(generator.is_working.wait, 60)
        task.cancel()
        generator.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert generator.is_closed
        assert generator.count < 10

    run_without_loop_errors(main)


# Prefetch


def test_prefetch_computes_one_chunk_ahead() -> None:
    generator = ChunkGenerator([b"a"] * 10)

    async def main() -> None:
        async with aclosing(iterate_in_thread(generator.iterate(), prefetch=lambda: True)) as chunks:
            await asyncio.sleep(0.05)
            assert generator.count == 0
            await anext(chunks)
            assert await asyncio.to_thread(eventually, lambda: generator.count == 2)
            await asyncio.sleep(0.05)
            assert generator.count == 2
        assert generator.is_closed

    run_without_loop_errors(main)


def test_prefetched_chunks_are_yielded_in_order_without_empty_ones() -> None:
    async def main() -> None:
        generator = ChunkGenerator([b"a", b"", b"b", b"", b"", b"c"]).iterate()
        async with aclosing(iterate_in_thread(generator, prefetch=lambda: True)) as chunks:
            assert [chunk async for chunk in chunks] == [b"a", b"b", b"c"]

    run_without_loop_errors(main)


def test_prefetch_stops_at_empty_chunk_while_chunk_is_in_use() -> None:
    generator = ChunkGenerator([b"a", b"", b"b"])

    async def main() -> None:
        async with aclosing(iterate_in_thread(generator.iterate(), prefetch=lambda: True)) as chunks:
            assert await anext(chunks) == b"a"
            await asyncio.sleep(0.05)
            assert generator.count <= 2
            assert await anext(chunks) == b"b"

    run_without_loop_errors(main)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_close_waits_for_prefetched_chunk(error: type[BaseException] | None) -> None:
    generator = ChunkGenerator([b"a"] if error else [b"a", b"b"], error)
    generator.gate.clear()

    async def main() -> None:
        async with aclosing(iterate_in_thread(generator.iterate(), prefetch=lambda: True)) as chunks:
            await anext(chunks)
            await asyncio.to_thread(generator.is_working.wait, 60)
            asyncio.get_running_loop().call_later(0.05, generator.gate.set)
        assert generator.gate.is_set()
        assert generator.is_closed

    try:
        run_without_loop_errors(main)
    finally:
        generator.gate.set()


def test_single_flight_raises_what_its_function_does() -> None:
    async def ask_twice() -> None:
        call = SingleFlight(lambda: str(1 // 0))
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await call.call()

    asyncio.run(ask_twice())
