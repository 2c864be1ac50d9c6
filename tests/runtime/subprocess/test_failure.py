"""Errors of Subprocess: exit status, stderr in the message, output before the failure, failed starts."""

import asyncio

import pytest

from tests.runtime.subprocess.programs import error_text, read_output, running, shell
from tornado_archiver.errors import BackendError
from tornado_archiver.runtime.subprocess import Subprocess


@pytest.mark.parametrize(
    ("script", "status", "stderr"),
    [
        ("echo out; echo wrong >&2; exit 3", "status 3", "'wrong'"),
        ("exit 1", "status 1", "stderr: ''"),
        ("echo before; kill -9 $$", "status -9", "stderr: ''"),
        ("printf 'not utf-8 \\377' >&2; exit 2", "status 2", "not utf-8 \ufffd"),
        ("sleep 60 >/dev/null & echo wrong >&2; exec >&-; exit 4", "status 4", "'wrong'"),
    ],
)
def test_failed_program_raises_error_with_status_and_stderr(script: str, status: str, stderr: str) -> None:
    text = error_text(script)
    assert status in text
    assert stderr in text


def test_failed_program_yields_all_output_before_error() -> None:
    received: list[bytes] = []

    async def receive() -> None:
        async with running("head -c 1000000 /dev/zero; exit 1") as output:
            async for chunk in output:
                received.append(chunk)  # noqa: PERF401 - a comprehension would lose the chunks before the error

    with pytest.raises(BackendError):
        asyncio.run(receive())
    assert len(b"".join(received)) == 1_000_000


def test_long_stderr_is_truncated_to_its_end_and_does_not_block_program() -> None:
    script = "head -c 10000000 /dev/zero | tr '\\0' x >&2; echo the reason >&2"
    text = error_text(f"{script}; echo out; exit 5")
    assert text.endswith("xxxthe reason'")
    assert len(text) < 3000


def test_program_that_closes_stdout_is_awaited() -> None:
    assert "status 6" in error_text("echo out; exec >&-; sleep 0.2; exit 6")
    assert asyncio.run(read_output(shell("echo out; exec >&-; sleep 0.2"))) == b"out\n"


@pytest.mark.parametrize(
    ("command", "directory"), [(["/no/such/program"], "/"), (["/dev/null"], "/"), (["/bin/sh"], "/no/such")]
)
def test_program_that_cannot_start_raises_error(command: list[str], directory: str) -> None:
    with pytest.raises(BackendError, match=f"{command[0]} could not be started"):
        asyncio.run(read_output(Subprocess(command, cwd=directory)))
