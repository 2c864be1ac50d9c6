"""Real programs under real rules: what they can do, and that nobody else is confined with them."""

import asyncio
import errno
import os
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from tests.servers import missing
from tornado_archiver.errors import BackendError
from tornado_archiver.runtime import landlock
from tornado_archiver.runtime.subprocess import Subprocess
from tornado_archiver.testing.probes import nothing_left_open

SECRET = b"this lies outside\n"


@pytest.fixture(autouse=True)
def _there_is_landlock() -> None:
    if not landlock.abi_version():
        missing("this kernel has no Landlock")


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    (tmp_path / "inside" / "folder").mkdir(parents=True)
    (tmp_path / "inside" / "folder" / "file").write_bytes(b"content\n")
    return tmp_path / "inside"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(SECRET)
    return tmp_path / "outside"


@contextmanager
def rules_for(*directories: Path, programs: Sequence[str] = ()) -> Iterator[int]:
    opened = [os.open(directory, os.O_RDONLY | os.O_DIRECTORY) for directory in directories]
    try:
        rules = landlock.ruleset(opened, programs)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    try:
        yield rules
    finally:
        os.close(rules)


def printed(command: Sequence[str], rules: int | None, inherited: Sequence[int] = ()) -> bytes:
    async def run() -> bytes:
        program = Subprocess(command, cwd="/", landlock_ruleset=rules, pass_fds=inherited)
        async with program, aclosing(program.stdout_chunks()) as output:
            return b"".join([chunk async for chunk in output])

    with nothing_left_open():
        return asyncio.run(run())


def confined(script: str, *directories: Path, inherited: Sequence[int] = ()) -> bytes:
    with rules_for(*directories) as rules:
        return printed(["/bin/sh", "-c", script], rules, inherited)


def refused(script: str, *directories: Path) -> str:
    with pytest.raises(BackendError) as caught:
        confined(script, *directories)
    return str(caught.value)


# What can be read


def test_what_lies_within_can_be_read(inside: Path) -> None:
    assert confined(f"cd {inside} && cat folder/file", inside) == b"content\n"


@pytest.mark.parametrize(
    "path", ["{outside}/file", "{inside}/../outside/file", "/etc/passwd", "/proc/self/environ"]
)
def test_what_lies_outside_cannot(inside: Path, outside: Path, path: str) -> None:
    assert "Permission denied" in refused(f"cat {path.format(inside=inside, outside=outside)}", inside)


def test_a_link_leads_nowhere_else(inside: Path, outside: Path) -> None:
    (inside / "link").symlink_to(outside / "file")
    (inside / "folder2").symlink_to(outside)
    (inside / "root").symlink_to("/proc/self/root")
    for path in ("link", "folder2/file", "root/etc/passwd", f"root{outside}/file"):
        assert "Permission denied" in refused(f"cat {inside}/{path}", inside)


def test_a_link_within_leads_on(inside: Path) -> None:
    (inside / "link").symlink_to("folder")
    assert confined(f"cat {inside}/link/file", inside) == b"content\n"


def test_a_folder_that_is_replaced_while_the_program_runs(inside: Path, outside: Path) -> None:
    script = f"echo started; while [ ! -h {inside}/folder ]; do sleep 0.01; done; cat {inside}/folder/file"

    async def run(rules: int | None) -> bytes:
        program = Subprocess(["/bin/sh", "-c", script], cwd="/", landlock_ruleset=rules)
        got = b""
        async with program, aclosing(program.stdout_chunks()) as output:
            assert await anext(output) == b"started\n"
            (inside / "folder").rename(inside / "elsewhere")
            (inside / "folder").symlink_to(outside)
            async for chunk in output:
                got += chunk
        return got

    with rules_for(inside) as rules, pytest.raises(BackendError, match="Permission denied"):
        asyncio.run(run(rules))
    (inside / "folder").unlink()
    (inside / "elsewhere").rename(inside / "folder")
    assert asyncio.run(run(None)) == SECRET


def test_the_rules_hold_for_the_directory_whatever_it_is_called(inside: Path, outside: Path) -> None:
    with rules_for(inside) as rules:
        inside.rename(inside.with_name("renamed"))
        outside.rename(inside)
        assert printed(["cat", f"{inside.with_name('renamed')}/folder/file"], rules) == b"content\n"
        with pytest.raises(BackendError, match="Permission denied"):
            printed(["cat", f"{inside}/file"], rules)


def test_an_open_descriptor_is_opened_anew_only_within(inside: Path, outside: Path) -> None:
    """As the zip program does with the links of its view."""
    memory = os.memfd_create("memory")
    os.write(memory, b"memory\n")
    with (inside / "folder/file").open() as mine, (outside / "file").open() as other:
        numbers = [mine.fileno(), other.fileno(), memory]
        names = [f"/proc/self/fd/{number}" for number in numbers]
        assert confined(f"cat {names[0]} {names[2]}", inside, inherited=numbers) == b"content\nmemory\n"
        with pytest.raises(BackendError, match="Permission denied"):
            confined(f"cat {names[1]}", inside, inherited=numbers)
    os.close(memory)


def test_directories_are_not_listed(inside: Path) -> None:
    """But for /proc, where the start of a program looks up what it has to close."""
    assert "Permission denied" in refused(f"ls {inside}", inside)
    assert confined("ls /proc/self/fd").startswith(b"0\n1\n2\n")


# What can be done


@pytest.mark.parametrize(
    "script",
    [
        "echo more >> {inside}/folder/file",
        "echo new > {inside}/new",
        "mkdir {inside}/new",
        "rm {inside}/folder/file",
        "mv {inside}/folder/file {inside}/folder/other",
        "ln -s / {inside}/new",
        "mkfifo {inside}/new",
        "echo new > /dev/shm/tornado-archiver-test-new",
        "echo new > {outside}/new",
    ],
)
def test_nothing_is_written(inside: Path, outside: Path, script: str) -> None:
    script = script.format(inside=inside, outside=outside)
    assert "ermission denied" in refused(script, inside)
    assert sorted(os.listdir(inside)) == ["folder"]
    assert (inside / "folder/file").read_bytes() == b"content\n"
    confined("echo nothing > /dev/null", inside)


def test_a_program_from_elsewhere_runs_only_when_it_is_the_one(tmp_path: Path) -> None:
    script = tmp_path / "tools" / "program"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n. ${0%/*}/beside\n")
    (script.parent / "beside").write_text("echo it runs\n")
    script.chmod(0o755)
    (tmp_path / "link").symlink_to(script)
    for named in (script, tmp_path / "link"):
        with rules_for(programs=[str(named)]) as rules:
            assert printed([str(script)], rules) == b"it runs\n"
    with rules_for() as rules, pytest.raises(BackendError, match="could not be started: Permission denied"):
        printed([str(script)], rules)


def test_nobody_is_called(inside: Path) -> None:
    if landlock.abi_version() < 4:
        pytest.skip("this kernel's Landlock knows no network")
    if shutil.which("curl") is None:
        missing("curl is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"curl --noproxy '*' --max-time 5 http://127.0.0.1:{port}/ 2>/dev/null; echo $?"
        assert confined(script) == b"7\n"  # could not connect


def test_nobody_is_ended() -> None:
    if landlock.abi_version() < 6:
        pytest.skip("this kernel's Landlock knows no signals")
    assert "ermitted" in refused(f"kill -0 {os.getpid()}")


# Who is confined


def test_nobody_else_is(inside: Path, outside: Path) -> None:
    threads = set(threading.enumerate())
    confined("true", inside)
    assert not set(threading.enumerate()) - threads  # one of another test may end meanwhile
    assert (outside / "file").read_bytes() == SECRET
    assert printed(["cat", str(outside / "file")], None) == SECRET


def test_two_at_once_are_confined_each_to_its_own(inside: Path, outside: Path) -> None:
    async def both() -> list[bytes | BaseException]:
        with rules_for(inside) as one, rules_for(outside) as two:
            starts = [(inside / "folder/file", one), (outside / "file", two), (outside / "file", one)]
            return await asyncio.gather(
                *(asyncio.to_thread(printed_loosely, ["cat", str(path)], rules) for path, rules in starts),
                return_exceptions=True,
            )

    first, second, third = asyncio.run(both())
    assert (first, second) == (b"content\n", SECRET)
    assert isinstance(third, BackendError)


def printed_loosely(command: Sequence[str], rules: int) -> bytes:
    """Without a look at the descriptors, which others open and close meanwhile."""

    async def run() -> bytes:
        program = Subprocess(command, cwd="/", landlock_ruleset=rules)
        async with program, aclosing(program.stdout_chunks()) as output:
            return b"".join([chunk async for chunk in output])

    return asyncio.run(run())


# What goes wrong


def test_a_rule_that_cannot_be_made_is_an_error() -> None:
    with nothing_left_open(), pytest.raises(BackendError, match="landlock_add_rule"):
        landlock.ruleset([9999], [])


def test_rules_that_cannot_be_kept_are_an_error() -> None:
    with open("/dev/null") as no_rules, pytest.raises(BackendError, match="landlock_restrict_self"):
        printed(["true"], no_rules.fileno())


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_older_versions_are_asked_only_for_what_they_know(
    monkeypatch: pytest.MonkeyPatch, inside: Path, outside: Path, version: int
) -> None:
    """This kernel takes whatever an older one would."""
    monkeypatch.setattr(landlock, "abi_version", lambda: version)
    assert confined(f"cat {inside}/folder/file", inside) == b"content\n"
    assert "Permission denied" in refused(f"cat {outside}/file", inside)
    sizes = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16, 6: 24}  # of their struct landlock_ruleset_attr
    assert not any(landlock._attributes(version)[sizes[version] :])


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_system_without_it(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(call: str, *arguments: object) -> int:
        raise OSError(number, os.strerror(number), call)

    monkeypatch.setattr(landlock, "_landlock", refuse)
    assert landlock.abi_version() == 0
    with pytest.raises(BackendError, match="cannot be settled"):
        landlock.ruleset([], [])
