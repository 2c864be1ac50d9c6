"""Landlock rulesets, tested with real programs: reads, writes, execution, network, signals, other threads."""

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

from tests.helpers.servers import missing
from tornado_archiver.errors import BackendError
from tornado_archiver.runtime import landlock
from tornado_archiver.runtime.subprocess import Subprocess
from tornado_archiver.testing.probes import nothing_left_open

SECRET = b"outside of the ruleset\n"


@pytest.fixture(autouse=True)
def _requires_landlock() -> None:
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
def ruleset_for(*directories: Path, programs: Sequence[str] = ()) -> Iterator[int]:
    dir_fds = [os.open(directory, os.O_RDONLY | os.O_DIRECTORY) for directory in directories]
    try:
        ruleset_fd = landlock.ruleset(dir_fds, programs)
    finally:
        for dir_fd in dir_fds:
            os.close(dir_fd)
    try:
        yield ruleset_fd
    finally:
        os.close(ruleset_fd)


def run_program(command: Sequence[str], ruleset_fd: int | None, pass_fds: Sequence[int] = ()) -> bytes:
    async def run() -> bytes:
        program = Subprocess(command, cwd="/", landlock_ruleset=ruleset_fd, pass_fds=pass_fds)
        async with program, aclosing(program.stdout_chunks()) as output:
            return b"".join([chunk async for chunk in output])

    with nothing_left_open():
        return asyncio.run(run())


def run_sandboxed(script: str, *directories: Path, pass_fds: Sequence[int] = ()) -> bytes:
    with ruleset_for(*directories) as ruleset_fd:
        return run_program(["/bin/sh", "-c", script], ruleset_fd, pass_fds)


def sandbox_error(script: str, *directories: Path) -> str:
    with pytest.raises(BackendError) as caught:
        run_sandboxed(script, *directories)
    return str(caught.value)


# Reading


def test_file_in_readable_directory_can_be_read(inside: Path) -> None:
    assert run_sandboxed(f"cd {inside} && cat folder/file", inside) == b"content\n"


@pytest.mark.parametrize(
    "path", ["{outside}/file", "{inside}/../outside/file", "/etc/passwd", "/proc/self/environ"]
)
def test_file_outside_cannot_be_read(inside: Path, outside: Path, path: str) -> None:
    assert "Permission denied" in sandbox_error(f"cat {path.format(inside=inside, outside=outside)}", inside)


def test_symlink_to_outside_cannot_be_read(inside: Path, outside: Path) -> None:
    (inside / "link").symlink_to(outside / "file")
    (inside / "folder2").symlink_to(outside)
    (inside / "root").symlink_to("/proc/self/root")
    for path in ("link", "folder2/file", "root/etc/passwd", f"root{outside}/file"):
        assert "Permission denied" in sandbox_error(f"cat {inside}/{path}", inside)


def test_symlink_within_directory_can_be_read(inside: Path) -> None:
    (inside / "link").symlink_to("folder")
    assert run_sandboxed(f"cat {inside}/link/file", inside) == b"content\n"


def test_replaced_directory_cannot_be_read_by_running_program(inside: Path, outside: Path) -> None:
    script = f"echo started; while [ ! -h {inside}/folder ]; do sleep 0.01; done; cat {inside}/folder/file"

    async def run(ruleset_fd: int | None) -> bytes:
        program = Subprocess(["/bin/sh", "-c", script], cwd="/", landlock_ruleset=ruleset_fd)
        received = b""
        async with program, aclosing(program.stdout_chunks()) as output:
            assert await anext(output) == b"started\n"
            (inside / "folder").rename(inside / "elsewhere")
            (inside / "folder").symlink_to(outside)
            async for chunk in output:
                received += chunk
        return received

    with ruleset_for(inside) as ruleset_fd, pytest.raises(BackendError, match="Permission denied"):
        asyncio.run(run(ruleset_fd))
    (inside / "folder").unlink()
    (inside / "elsewhere").rename(inside / "folder")
    assert asyncio.run(run(None)) == SECRET


def test_ruleset_applies_to_renamed_directory(inside: Path, outside: Path) -> None:
    with ruleset_for(inside) as ruleset_fd:
        inside.rename(inside.with_name("renamed"))
        outside.rename(inside)
        assert run_program(["cat", f"{inside.with_name('renamed')}/folder/file"], ruleset_fd) == b"content\n"
        with pytest.raises(BackendError, match="Permission denied"):
            run_program(["cat", f"{inside}/file"], ruleset_fd)


def test_inherited_descriptor_can_be_reopened_only_within_directory(inside: Path, outside: Path) -> None:
    """The zip program reopens descriptors through the links of its symlink farm."""
    memory = os.memfd_create("memory")
    os.write(memory, b"memory\n")
    with (inside / "folder/file").open() as readable, (outside / "file").open() as unreadable:
        fds = [readable.fileno(), unreadable.fileno(), memory]
        paths = [f"/proc/self/fd/{fd}" for fd in fds]
        assert run_sandboxed(f"cat {paths[0]} {paths[2]}", inside, pass_fds=fds) == b"content\nmemory\n"
        with pytest.raises(BackendError, match="Permission denied"):
            run_sandboxed(f"cat {paths[1]}", inside, pass_fds=fds)
    os.close(memory)


def test_directories_except_proc_cannot_be_listed(inside: Path) -> None:
    """subprocess lists /proc/self/fd to close descriptors."""
    assert "Permission denied" in sandbox_error(f"ls {inside}", inside)
    assert run_sandboxed("ls /proc/self/fd").startswith(b"0\n1\n2\n")


# Writing, execution, network, signals


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
def test_write_is_denied(inside: Path, outside: Path, script: str) -> None:
    script = script.format(inside=inside, outside=outside)
    assert "ermission denied" in sandbox_error(script, inside)
    assert sorted(os.listdir(inside)) == ["folder"]
    assert (inside / "folder/file").read_bytes() == b"content\n"
    run_sandboxed("echo nothing > /dev/null", inside)


def test_program_outside_of_system_runs_only_if_named(tmp_path: Path) -> None:
    script = tmp_path / "tools" / "program"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n. ${0%/*}/beside\n")
    (script.parent / "beside").write_text("echo it runs\n")
    script.chmod(0o755)
    (tmp_path / "link").symlink_to(script)
    for program in (script, tmp_path / "link"):
        with ruleset_for(programs=[str(program)]) as ruleset_fd:
            assert run_program([str(script)], ruleset_fd) == b"it runs\n"
    error = "could not be started: Permission denied"
    with ruleset_for() as ruleset_fd, pytest.raises(BackendError, match=error):
        run_program([str(script)], ruleset_fd)


def test_tcp_connect_is_denied(inside: Path) -> None:
    if landlock.abi_version() < 4:
        pytest.skip("Landlock of this kernel does not restrict the network")
    if shutil.which("curl") is None:
        missing("curl is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"curl --noproxy '*' --max-time 5 http://127.0.0.1:{port}/ 2>/dev/null; echo $?"
        assert run_sandboxed(script) == b"7\n"  # CURLE_COULDNT_CONNECT


def test_signal_to_process_outside_is_denied() -> None:
    if landlock.abi_version() < 6:
        pytest.skip("Landlock of this kernel does not restrict signals")
    assert "ermitted" in sandbox_error(f"kill -0 {os.getpid()}")


# Other threads and processes


def test_other_threads_are_not_restricted(inside: Path, outside: Path) -> None:
    threads = set(threading.enumerate())
    run_sandboxed("true", inside)
    assert not set(threading.enumerate()) - threads  # a difference, because a thread of another test may end
    assert (outside / "file").read_bytes() == SECRET
    assert run_program(["cat", str(outside / "file")], None) == SECRET


def test_concurrent_programs_have_separate_rulesets(inside: Path, outside: Path) -> None:
    async def run_all() -> list[bytes | BaseException]:
        with ruleset_for(inside) as inner, ruleset_for(outside) as outer:
            runs = [(inside / "folder/file", inner), (outside / "file", outer), (outside / "file", inner)]
            return await asyncio.gather(
                *(asyncio.to_thread(run_unchecked, ["cat", str(path)], ruleset) for path, ruleset in runs),
                return_exceptions=True,
            )

    first, second, third = asyncio.run(run_all())
    assert (first, second) == (b"content\n", SECRET)
    assert isinstance(third, BackendError)


def run_unchecked(command: Sequence[str], ruleset_fd: int) -> bytes:
    """Run a program without the check for open descriptors, because other threads open and close some."""

    async def run() -> bytes:
        program = Subprocess(command, cwd="/", landlock_ruleset=ruleset_fd)
        async with program, aclosing(program.stdout_chunks()) as output:
            return b"".join([chunk async for chunk in output])

    return asyncio.run(run())


# Errors


def test_invalid_directory_descriptor_raises_error() -> None:
    with nothing_left_open(), pytest.raises(BackendError, match="landlock_add_rule"):
        landlock.ruleset([9999], [])


def test_invalid_ruleset_descriptor_raises_error() -> None:
    with open("/dev/null") as file, pytest.raises(BackendError, match="landlock_restrict_self"):
        run_program(["true"], file.fileno())


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_ruleset_requests_only_rights_of_abi_version(
    monkeypatch: pytest.MonkeyPatch, inside: Path, outside: Path, version: int
) -> None:
    """This kernel accepts the requests of all older versions."""
    monkeypatch.setattr(landlock, "abi_version", lambda: version)
    assert run_sandboxed(f"cat {inside}/folder/file", inside) == b"content\n"
    assert "Permission denied" in sandbox_error(f"cat {outside}/file", inside)
    sizes = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16, 6: 24}  # of their struct landlock_ruleset_attr
    assert not any(landlock._attributes(version)[sizes[version] :])


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_missing_landlock_is_detected(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(call: str, *args: object) -> int:
        raise OSError(number, os.strerror(number), call)

    monkeypatch.setattr(landlock, "_landlock", fail)
    assert landlock.abi_version() == 0
    with pytest.raises(BackendError, match="cannot create the Landlock ruleset"):
        landlock.ruleset([], [])
