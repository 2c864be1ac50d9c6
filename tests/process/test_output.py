"""What programs print, and how fast: at the pace of their reader."""

import asyncio
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process.programs import children, printed, running, shell
from tests.servers import eventually
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
        ("echo said >&2; echo printed", b"printed\n"),
        ("cat", b""),  # nothing on stdin
        ("pwd", b"/\n"),
        ("exec 2>&-; sleep 0.1; echo on", b"on\n"),
    ],
)
def test_what_a_program_prints(script: str, expected: bytes) -> None:
    assert asyncio.run(printed(shell(script))) == expected


def test_much_output_comes_whole_in_chunks_of_a_limited_size() -> None:
    async def sizes() -> list[int]:
        async with running("head -c 20000000 /dev/zero") as output:
            return [len(chunk) async for chunk in output]

    found = asyncio.run(sizes())
    assert sum(found) == 20_000_000
    assert all(1 <= size <= CHUNK_BYTES for size in found)


def test_nothing_of_the_environment_but_the_path_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of links may stand there."""
    monkeypatch.setenv("ARCHIVER_LINK_SECRET", "0123456789abcdef")
    said = asyncio.run(printed(Subprocess(["/usr/bin/env"], cwd="/")))
    assert said.splitlines() == [f"PATH={os.environ['PATH']}".encode()]


def test_stdin_environment_and_inherited_descriptors() -> None:
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
        assert asyncio.run(printed(program)) == expected


def test_no_other_descriptor_is_inherited() -> None:
    with open("/proc/version", "rb") as other:
        os.set_inheritable(other.fileno(), True)
        seen = asyncio.run(printed(shell("ls /proc/self/fd"))).split()
        assert {b"0", b"1", b"2"} <= set(seen)
        assert str(other.fileno()).encode() not in seen[3:-1]


# Pace


def test_a_program_waits_for_its_reader() -> None:
    script = "import os\nwhile True: os.write(1, bytes(65536))"

    async def written() -> int:
        async with running(f"exec {shlex.quote(sys.executable)} -c {shlex.quote(script)}") as output:
            await anext(output)
            (child,) = children()
            return await asyncio.to_thread(_settled, lambda: int(child.io_counters().write_chars))

    assert asyncio.run(written()) < 8 * CHUNK_BYTES


def _settled(count: Callable[[], int]) -> int:
    """The count once it has stood still, or when it has gone far."""
    seen = [-1]

    def has_settled() -> bool:
        seen.append(count())
        return (len(seen) > 20 and len(set(seen[-20:])) == 1) or seen[-1] > 100 * CHUNK_BYTES

    assert eventually(has_settled, timeout_s=30)
    return seen[-1]


def test_a_silent_program_is_asked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "IDLE_TIMEOUT_S", 0.05)
    asked = []

    async def ask() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise SourceChangedError("a pipe stands where a file was")

    with pytest.raises(SourceChangedError):
        asyncio.run(printed(shell("echo out; sleep 60", when_silent=ask)))
    assert len(asked) == 3


def test_a_program_that_is_silent_for_a_while_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For as long as it takes to be asked after three times."""
    monkeypatch.setattr(subprocess, "IDLE_TIMEOUT_S", 0.05)
    asked = []

    async def ask() -> None:
        asked.append(1)
        if len(asked) == 3:
            (tmp_path / "enough").touch()

    script = f"echo one; until [ -e {tmp_path}/enough ]; do sleep 0.01; done; echo two"
    assert asyncio.run(printed(shell(script, when_silent=ask))) == b"one\ntwo\n"


def test_many_at_once() -> None:
    async def all_printed() -> list[bytes]:
        programs = [shell(f"sleep 0.0{number}; echo {number}") for number in range(20)]
        return await asyncio.gather(*(printed(program) for program in programs))

    assert asyncio.run(all_printed()) == [b"%d\n" % number for number in range(20)]
