"""Chunks that a blocking generator makes in worker threads, one for each pull."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import aclosing
from typing import cast

import pytest

from tests.servers import eventually
from tests.test_cleanup import quietly
from tornado_archiver.runtime.threads import iterate_in_thread


class Maker:
    """A blocking generator that writes down what happens to it; `gate` holds it before the second chunk,
    and before its error."""

    def __init__(self, chunks: list[bytes], error: type[BaseException] | None = None) -> None:
        self._chunks = chunks
        self._error = error
        self.made = 0
        self.is_closed = False
        self.threads: set[int] = set()
        self.is_working = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def generator(self) -> Generator[bytes, None, None]:
        try:
            for chunk in self._chunks:
                self.threads.add(threading.get_ident())
                if self.made:
                    self._pass_the_gate()
                self.made += 1
                yield chunk
            if self._error:
                self._pass_the_gate()
                raise self._error
        finally:
            self.is_closed = True

    def _pass_the_gate(self) -> None:
        self.is_working.set()
        assert self.gate.wait(60)


async def gathered(maker: Maker) -> list[bytes]:
    async with aclosing(iterate_in_thread(maker.generator())) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([], []),
        ([b"a"], [b"a"]),
        ([b"a", b"b", b"c"], [b"a", b"b", b"c"]),
        ([b"", b"a", b"", b"", b"b", b""], [b"a", b"b"]),
        ([b"", b""], []),
    ],
)
def test_all_chunks_come_in_order_without_the_empty_ones(made: list[bytes], expected: list[bytes]) -> None:
    maker = Maker(made)

    async def main() -> None:
        assert await gathered(maker) == expected
        assert maker.is_closed

    quietly(main)


def test_no_chunk_is_made_on_the_event_loop() -> None:
    maker = Maker([b"a", b"b"])

    async def main() -> None:
        await gathered(maker)
        assert threading.get_ident() not in maker.threads

    quietly(main)


def test_nothing_is_made_ahead() -> None:
    maker = Maker([b"a"] * 10)

    async def main() -> None:
        async with aclosing(iterate_in_thread(maker.generator())) as chunks:
            await asyncio.sleep(0.05)
            assert maker.made == 0
            for pulls in range(1, 4):
                await anext(chunks)
                await asyncio.sleep(0.05)
                assert maker.made == pulls

    quietly(main)


def test_the_event_loop_runs_meanwhile() -> None:
    maker = Maker([b"a", b"b"])
    maker.gate.clear()

    async def main() -> None:
        async with aclosing(iterate_in_thread(maker.generator())) as chunks:
            await anext(chunks)
            pull = asyncio.create_task(anext(chunks))
            await asyncio.to_thread(maker.is_working.wait, 60)
            maker.gate.set()
            assert await pull == b"b"

    quietly(main)


def test_an_error_comes_through_after_the_chunks() -> None:
    maker = Maker([b"a", b"b"], ZeroDivisionError)

    got: list[bytes] = []

    async def get() -> None:
        async with aclosing(iterate_in_thread(maker.generator())) as chunks:
            async for chunk in chunks:
                got.append(chunk)  # noqa: PERF401 - a comprehension would lose what came before the error

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await get()
        assert got == [b"a", b"b"]
        assert maker.is_closed

    quietly(main)


def test_what_is_no_chunk_is_no_end() -> None:
    maker = Maker([b"a", cast(bytes, None), b"b"])

    async def main() -> None:
        with pytest.raises(TypeError):
            await gathered(maker)
        assert maker.is_closed

    quietly(main)


def test_closing_early_closes_the_generator() -> None:
    maker = Maker([b"a"] * 10)

    async def main() -> None:
        async with aclosing(iterate_in_thread(maker.generator())) as chunks:
            await anext(chunks)
        assert maker.is_closed
        assert maker.made == 1

    quietly(main)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
@pytest.mark.parametrize("times", [1, 3])
def test_a_cancelled_pull_is_waited_for(times: int, error: type[BaseException] | None) -> None:
    maker = Maker([b"a", b""], error)
    maker.gate.clear()

    async def main() -> None:
        pulling = asyncio.create_task(gathered(maker))
        await asyncio.to_thread(maker.is_working.wait, 60)
        for _ in range(times):
            pulling.cancel()
            await asyncio.sleep(0.01)
        assert not pulling.done()
        maker.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        assert maker.is_closed

    try:
        quietly(main)
    finally:
        maker.gate.set()


def test_an_empty_chunk_lets_a_cancellation_in() -> None:
    maker = Maker([b"a"] + [b""] * 1000)
    maker.gate.clear()

    async def main() -> None:
        pulling = asyncio.create_task(gathered(maker))
        await asyncio.to_thread(maker.is_working.wait, 60)
        pulling.cancel()
        maker.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        assert maker.is_closed
        assert maker.made < 10

    quietly(main)


# One chunk ahead


def test_one_chunk_is_made_ahead_and_no_more() -> None:
    maker = Maker([b"a"] * 10)

    async def main() -> None:
        async with aclosing(iterate_in_thread(maker.generator(), prefetch=lambda: True)) as chunks:
            await asyncio.sleep(0.05)
            assert maker.made == 0
            await anext(chunks)
            assert await asyncio.to_thread(eventually, lambda: maker.made == 2)
            await asyncio.sleep(0.05)
            assert maker.made == 2
        assert maker.is_closed

    quietly(main)


def test_chunks_made_ahead_come_in_order_without_the_empty_ones() -> None:
    async def main() -> None:
        made = Maker([b"a", b"", b"b", b"", b"", b"c"]).generator()
        async with aclosing(iterate_in_thread(made, prefetch=lambda: True)) as chunks:
            assert [chunk async for chunk in chunks] == [b"a", b"b", b"c"]

    quietly(main)


def test_nothing_behind_an_empty_chunk_runs_while_the_one_before_is_in_hand() -> None:
    maker = Maker([b"a", b"", b"b"])

    async def main() -> None:
        async with aclosing(iterate_in_thread(maker.generator(), prefetch=lambda: True)) as chunks:
            assert await anext(chunks) == b"a"
            await asyncio.sleep(0.05)
            assert maker.made <= 2
            assert await anext(chunks) == b"b"

    quietly(main)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_closing_waits_for_the_chunk_made_ahead(error: type[BaseException] | None) -> None:
    maker = Maker([b"a"] if error else [b"a", b"b"], error)
    maker.gate.clear()

    async def main() -> None:
        async with aclosing(iterate_in_thread(maker.generator(), prefetch=lambda: True)) as chunks:
            await anext(chunks)
            await asyncio.to_thread(maker.is_working.wait, 60)
            asyncio.get_running_loop().call_later(0.05, maker.gate.set)
        assert maker.gate.is_set()
        assert maker.is_closed

    try:
        quietly(main)
    finally:
        maker.gate.set()
