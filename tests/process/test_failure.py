"""Programs that fail, or cannot be started: what is said about it, and what of their output still comes."""

import asyncio

import pytest

from tests.process.programs import failure, printed, running, shell
from tornado_archiver.errors import BackendError
from tornado_archiver.runtime.subprocess import Subprocess


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ("echo out; echo wrong >&2; exit 3", "status 3", "'wrong'"),
        ("exit 1", "status 1", "'nothing'"),
        ("echo before; kill -9 $$", "status -9", "'nothing'"),
        ("printf 'not utf-8 \\377' >&2; exit 2", "status 2", "not utf-8 \ufffd"),
        ("sleep 60 >/dev/null & echo wrong >&2; exec >&-; exit 4", "status 4", "'wrong'"),
    ],
)
def test_a_program_that_fails(script: str, status: str, said: str) -> None:
    text = failure(script)
    assert status in text
    assert said in text


def test_all_output_of_a_program_that_fails_comes_first() -> None:
    got: list[bytes] = []

    async def receive() -> None:
        async with running("head -c 1000000 /dev/zero; exit 1") as output:
            async for chunk in output:
                got.append(chunk)  # noqa: PERF401 - a comprehension would lose what came before the error

    with pytest.raises(BackendError):
        asyncio.run(receive())
    assert len(b"".join(got)) == 1_000_000


def test_the_end_of_a_long_complaint_is_kept_and_it_blocks_nobody() -> None:
    complaint = "head -c 10000000 /dev/zero | tr '\\0' x >&2; echo the reason >&2"
    text = failure(f"{complaint}; echo out; exit 5")
    assert text.endswith("xxxthe reason'")
    assert len(text) < 3000


def test_a_program_that_closes_its_output_and_goes_on_is_waited_for() -> None:
    assert "status 6" in failure("echo out; exec >&-; sleep 0.2; exit 6")
    assert asyncio.run(printed(shell("echo out; exec >&-; sleep 0.2"))) == b"out\n"


@pytest.mark.parametrize(
    ("command", "directory"), [(["/no/such/program"], "/"), (["/dev/null"], "/"), (["/bin/sh"], "/no/such")]
)
def test_a_program_that_cannot_be_started(command: list[str], directory: str) -> None:
    with pytest.raises(BackendError, match=f"{command[0]} could not be started"):
        asyncio.run(printed(Subprocess(command, cwd=directory)))
