"""Real programs: what they print, what is said when they fail, and that nothing of them stays."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.servers import eventually
from tornado_archiver import process
from tornado_archiver.errors import PackingError, SourceChangedError
from tornado_archiver.process import CHUNK_BYTES, Program
from tornado_archiver.testing.footprint import nothing_left_open

_not_ours: set[psutil.Process] = set()

ENDLESS = "while :; do echo 0123456789abcdef; done"


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No descriptor and no child of this process, not even one that has ended and was not waited for."""
    _not_ours.clear()
    _not_ours.update(psutil.Process().children())  # servers of other tests
    with nothing_left_open():
        yield
    assert not _children()


def _children() -> list[psutil.Process]:
    """That this process has now and had not before the test."""
    return [child for child in psutil.Process().children() if child not in _not_ours]


def shell(script: str, when_silent: Callable[[], Awaitable[None]] | None = None) -> Program:
    return Program(["/bin/sh", "-c", script], directory="/", when_silent=when_silent)


@asynccontextmanager
async def running(script: str) -> AsyncGenerator[AsyncGenerator[bytes, None], None]:
    async with shell(script) as program, aclosing(program.output()) as output:
        yield output


async def printed(program: Program) -> bytes:
    async with program, aclosing(program.output()) as output:
        return b"".join([chunk async for chunk in output])


def failure(script: str) -> str:
    with pytest.raises(PackingError) as caught:
        asyncio.run(printed(shell(script)))
    return str(caught.value)


def is_gone(pid_file: Path) -> bool:
    """Whether the process whose number is in the file has ended; whoever inherits it may wait for it."""
    try:
        return psutil.Process(int(pid_file.read_text())).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


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


def test_stdin_environment_and_inherited_descriptors() -> None:
    with open(__file__, "rb") as stdin, open("/proc/version", "rb") as other:
        number = other.fileno()
        program = Program(
            ["/bin/sh", "-c", f"cat; cat /proc/self/fd/{number}; echo $NAME; echo ${{HOME:-none}}"],
            directory="/",
            stdin=stdin.fileno(),
            environment={"NAME": "value", "PATH": os.defpath},
            inherited=[number],
        )
        expected = Path(__file__).read_bytes() + Path("/proc/version").read_bytes() + b"value\nnone\n"
        assert asyncio.run(printed(program)) == expected


def test_no_other_descriptor_is_inherited() -> None:
    with open("/proc/version", "rb") as other:
        os.set_inheritable(other.fileno(), True)
        seen = asyncio.run(printed(shell("ls /proc/self/fd"))).split()
        assert {b"0", b"1", b"2"} <= set(seen)
        assert str(other.fileno()).encode() not in seen[3:-1]


# Failure


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

    with pytest.raises(PackingError):
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
    with pytest.raises(PackingError, match=f"{command[0]} could not be started"):
        asyncio.run(printed(Program(command, directory=directory)))


# Leaving early


def test_leaving_early_ends_the_program(tmp_path: Path) -> None:
    async def leave() -> None:
        async with running(f"echo $$ > {tmp_path}/pid; {ENDLESS}") as output:
            await anext(output)
        assert is_gone(tmp_path / "pid")

    asyncio.run(leave())


def test_leaving_before_the_first_byte_ends_the_program() -> None:
    async def leave() -> None:
        async with shell("sleep 60"):
            pass

    asyncio.run(leave())


GRANDCHILD = "sh -c 'echo $$ > {pid}; echo started; exec sleep 60'"


def test_leaving_early_ends_what_the_program_has_started(tmp_path: Path) -> None:
    async def leave() -> None:
        async with running(GRANDCHILD.format(pid=tmp_path / "pid") + "; true") as output:
            assert await anext(output) == b"started\n"

    asyncio.run(leave())
    assert eventually(lambda: is_gone(tmp_path / "pid"))


@pytest.mark.parametrize("status", [0, 1])
def test_what_a_program_leaves_behind_at_its_end_is_ended(tmp_path: Path, status: int) -> None:
    script = f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid; exit {status}"
    if status:
        assert "status 1" in failure(script)
    else:
        assert asyncio.run(printed(shell(script))) == b""
    assert eventually(lambda: is_gone(tmp_path / "pid"))


def test_a_stopped_program_is_gone_as_well() -> None:
    async def leave() -> None:
        async with running("echo started; kill -STOP $$; echo never") as output:
            assert await anext(output) == b"started\n"
            (child,) = _children()
            assert await asyncio.to_thread(eventually, lambda: child.status() == psutil.STATUS_STOPPED)

    asyncio.run(leave())


def test_a_program_that_refuses_to_end_is_gone_as_well() -> None:
    async def leave() -> None:
        async with running("trap '' TERM INT HUP PIPE; echo started; while :; do sleep 1; done") as output:
            assert await anext(output) == b"started\n"

    asyncio.run(leave())


def test_an_error_of_the_reader_ends_the_program() -> None:
    async def fail() -> None:
        async with running(ENDLESS) as output:
            await anext(output)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())


@pytest.mark.parametrize("script", ["sleep 60", "exec >&-; sleep 60", ENDLESS, "kill -STOP $$"])
def test_cancelling_while_waiting(script: str) -> None:
    async def cancel() -> None:
        pulling = asyncio.create_task(printed(shell(script)))
        await asyncio.sleep(0.1)
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        assert not _children()

    asyncio.run(cancel())


# Pace


def test_a_program_waits_for_its_reader() -> None:
    script = "import os\nwhile True: os.write(1, bytes(65536))"

    async def written() -> int:
        async with running(f"exec {shlex.quote(sys.executable)} -c {shlex.quote(script)}") as output:
            await anext(output)
            (child,) = _children()
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
    monkeypatch.setattr(process, "SILENCE_S", 0.05)
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
    monkeypatch.setattr(process, "SILENCE_S", 0.05)
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
