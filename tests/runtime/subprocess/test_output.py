"""Output of Subprocess: content, chunks, environment, descriptors, backpressure and idle checks."""

import asyncio
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.servers import eventually
from tests.runtime.subprocess.programs import children, read_output, running, shell
from tornado_archiver.errors import SourceChangedError
from tornado_archiver.runtime import subprocess
from tornado_archiver.runtime.subprocess import CHUNK_BYTES, Subprocess

# Output


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo hello", b"hello\n"),
        ("true", b""),
        ("printf 'a\\0b'", b"a\0b"),
        ("echo one; sleep 0.1; echo two", b"one\ntwo\n"),
        ("echo error >&2; echo output", b"output\n"),
        ("cat", b""),  # nothing on stdin
        ("pwd", b"/\n"),
        ("exec 2>&-; sleep 0.1; echo on", b"on\n"),
    ],
)
def test_output_is_what_program_prints(script: str, expected: bytes) -> None:
    assert asyncio.run(read_output(shell(script))) == expected


def test_large_output_is_split_into_chunks() -> None:
    async def sizes() -> list[int]:
        async with running("head -c 20000000 /dev/zero") as output:
            return [len(chunk) async for chunk in output]

    chunk_sizes = asyncio.run(sizes())
    assert sum(chunk_sizes) == 20_000_000
    assert all(1 <= size <= CHUNK_BYTES for size in chunk_sizes)


def test_environment_without_path_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may contain the keys of signed links."""
    monkeypatch.setenv("ARCHIVER_LINK_SECRET", "0123456789abcdef")
    output = asyncio.run(read_output(Subprocess(["/usr/bin/env"], cwd="/")))
    assert output.splitlines() == [f"PATH={os.environ['PATH']}".encode()]


def test_stdin_env_and_pass_fds_are_passed_to_program() -> None:
    with open(__file__, "rb") as stdin, open("/proc/version", "rb") as other:
        number = other.fileno()
        program = Subprocess(
            ["/bin/sh", "-c", f"cat; cat /proc/self/fd/{number}; echo $NAME; echo ${{HOME:-none}}"],
            cwd="/",
            stdin=stdin.fileno(),
            env={"NAME": "value", "PATH": os.defpath},
            pass_fds=[number],
        )
        expected = Path(__file__).read_bytes() + Path("/proc/version").read_bytes() + b"value\nnone\n"
        assert asyncio.run(read_output(program)) == expected


def test_other_descriptors_are_not_inherited() -> None:
    with open("/proc/version", "rb") as other:
        os.set_inheritable(other.fileno(), True)
        fds = asyncio.run(read_output(shell("ls /proc/self/fd"))).split()
        assert {b"0", b"1", b"2"} <= set(fds)
        assert str(other.fileno()).encode() not in fds[3:-1]


# Backpressure


def test_program_blocks_until_output_is_read() -> None:
    script = "import os\nwhile True: os.write(1, bytes(65536))"

    async def written() -> int:
        async with running(f"exec {shlex.quote(sys.executable)} -c {shlex.quote(script)}") as output:
            await anext(output)
            (child,) = children()
            return await asyncio.to_thread(_stable_count, lambda: int(child.io_counters().write_chars))

    assert asyncio.run(written()) < 8 * CHUNK_BYTES


def _stable_count(count: Callable[[], int]) -> int:
    """Return the count when it no longer changes, or when it is far too large."""
    counts = [-1]

    def is_stable() -> bool:
        counts.append(count())
        return (len(counts) > 20 and len(set(counts[-20:])) == 1) or counts[-1] > 100 * CHUNK_BYTES

    assert eventually(is_stable, timeout_s=30)
    return counts[-1]


def test_on_idle_error_ends_wait_for_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "IDLE_TIMEOUT_S", 0.05)
    calls = []

    async def on_idle() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise SourceChangedError("file replaced by a pipe")

    with pytest.raises(SourceChangedError):
        asyncio.run(read_output(shell("echo out; sleep 60", on_idle=on_idle)))
    assert len(calls) == 3


def test_idle_program_is_awaited_while_on_idle_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "IDLE_TIMEOUT_S", 0.05)
    calls = []

    async def on_idle() -> None:
        calls.append(1)
        if len(calls) == 3:
            (tmp_path / "enough").touch()

    script = f"echo one; until [ -e {tmp_path}/enough ]; do sleep 0.01; done; echo two"
    assert asyncio.run(read_output(shell(script, on_idle=on_idle))) == b"one\ntwo\n"


def test_concurrent_programs_keep_their_outputs_apart() -> None:
    async def read_all() -> list[bytes]:
        programs = [shell(f"sleep 0.0{number}; echo {number}") for number in range(20)]
        return await asyncio.gather(*(read_output(program) for program in programs))

    assert asyncio.run(read_all()) == [b"%d\n" % number for number in range(20)]
