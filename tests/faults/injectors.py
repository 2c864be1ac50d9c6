"""Fault injectors, and when they run. Faults of a source are in tornado_archiver.testing.faults as well."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from tests.faults.clients import Result, connect, download, on_open_connection, paused
from tests.faults.server_fixture import MIB, STALL_TIMEOUT_S, Scenario
from tests.helpers.raw_clients import zips_of
from tests.helpers.servers import eventually, fetch
from tornado_archiver.testing import faults, trees

Run = Callable[[Scenario], Result]
Injector = Callable[[Scenario], None]

_NO_FURTHER_DESCRIPTOR = 3  # as the limit: descriptors that are open stay open, whatever their numbers
_SUSPENDED_S = STALL_TIMEOUT_S + 3  # longer than a client could stall a server


def before(inject: Injector) -> Run:
    """Inject the fault before the request."""

    def run(scenario: Scenario) -> Result:
        inject(scenario)
        return download(scenario)

    return run


def during(inject: Injector) -> Run:
    """Inject the fault while the client has received a part of the body and is not reading."""

    def run(scenario: Scenario) -> Result:
        with paused(scenario) as client:
            inject(scenario)
            return client.rest()

    return run


# Faults of the source


def on_disk(fault: Callable[[Path, Path], None]) -> Injector:
    return lambda scenario: fault(scenario.album, scenario.outside)


def made_unreadable(root: Path, outside: Path) -> None:
    (root / faults.TARGET).chmod(0)


def overwritten(root: Path, outside: Path) -> None:
    """Overwrite the file in place, so that its size never changes."""
    with (root / faults.TARGET).open("r+b") as file:
        file.write(b"x" * (root / faults.TARGET).stat().st_size)


def overwritten_with_mtime_restored(root: Path, outside: Path) -> None:
    """Overwrite the file like `touch -r` and `exiftool -P`: only its ctime shows the change."""
    status = (root / faults.TARGET).stat()
    overwritten(root, outside)
    os.utime(root / faults.TARGET, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(root: Path, outside: Path) -> None:
    """Replace the file atomically, as rsync and editors do, by another one of the same size and mtime."""
    status = (root / faults.TARGET).stat()
    outside.mkdir()
    (outside / "new").write_bytes(trees.noise(status.st_size, seed=5))
    os.utime(outside / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (outside / "new").rename(root / faults.TARGET)


def added(root: Path, outside: Path) -> None:
    trees.write(root / "z" / "zz.jpg", b"one more")


def removed(root: Path, outside: Path) -> None:
    shutil.rmtree(root)


def replaced_by_symlink(root: Path, outside: Path) -> None:
    """Replace the source directory by a symlink to one outside with the same names, sizes and times."""
    shutil.copytree(root, outside)
    for path in (path for path in outside.rglob("*") if path.is_file()):
        status = path.stat()
        path.write_bytes(faults.SECRET + bytes(status.st_size - len(faults.SECRET)))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    shutil.rmtree(root)
    root.symlink_to(outside)


# Faults of the zip program


def program_killed(scenario: Scenario) -> None:
    _program(scenario).kill()


def program_suspended(scenario: Scenario) -> Result:
    """Suspend the program until its client has read all available data and has waited for more."""
    with paused(scenario) as client:
        _program(scenario).suspend()
        try:
            return client.rest(_SUSPENDED_S)
        except subprocess.TimeoutExpired:
            _program(scenario).resume()
        return replace(client.rest(), note="waits")


def _program(scenario: Scenario) -> psutil.Process:
    (program,) = zips_of(scenario.server)
    return program


def replaced_by_script(script: str) -> Run:
    """Replace the program by a shell script, in which `$ZIP "$@"` is the original command."""

    def run(scenario: Scenario) -> Result:
        original = (scenario.tools / "act").read_text()
        (scenario.tools / "act").write_text(f"{script}\n")
        try:
            return download(scenario)
        finally:
            (scenario.tools / "act").write_text(original)

    return run


# Faults of the machine


def read_error_from(offset: int) -> Injector:
    """Add a file that is not called .jpg, because the error handling of zip depends on compression."""
    content = trees.noise(2 * MIB)
    return lambda scenario: trees.write(scenario.album / f"eio-from-{offset}.txt", content)


@contextmanager
def without_descriptors(scenario: Scenario) -> Iterator[None]:
    worker = scenario.server.worker
    limits = worker.rlimit(psutil.RLIMIT_NOFILE)
    worker.rlimit(psutil.RLIMIT_NOFILE, (_NO_FURTHER_DESCRIPTOR, limits[1]))
    try:
        yield
    finally:
        worker.rlimit(psutil.RLIMIT_NOFILE, limits)


def no_descriptor_for_connection(scenario: Scenario) -> Result:
    """Leave no descriptor until the service has logged the shortage."""
    with ExitStack() as shortage:
        shortage.enter_context(without_descriptors(scenario))
        with connect(scenario) as client:
            assert eventually(lambda: "Too many open files" in scenario.log(), timeout_s=60)
            shortage.close()
            return replace(client.rest(), note="waits")


def no_descriptor_before_download(scenario: Scenario) -> Result:
    with on_open_connection(scenario) as request, without_descriptors(scenario):
        return request()


def no_descriptor_during_download(scenario: Scenario) -> Result:
    with paused(scenario) as client, without_descriptors(scenario):
        return client.rest()


# Faults of the service


def worker_killed(scenario: Scenario) -> None:
    """Kill a worker that has served for a while, because an early exit delays the restart by a second."""
    worker = scenario.server.worker
    # more than that second, because psutil rounds the boot time, from which it counts, to full seconds
    assert eventually(lambda: time.time() - worker.create_time() > 3), "the clock does not advance"
    programs = worker.children()
    worker.kill()
    assert fetch(scenario.server.port, "/healthz") == b"ok\n", "the replacement worker serves the next client"
    assert eventually(lambda: not any(program.is_running() for program in programs)), "a program still runs"
