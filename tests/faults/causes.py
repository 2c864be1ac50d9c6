"""What goes wrong, and when. What may happen to a source is tornado_archiver.testing.faults."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from tests.faults.stage import MIB, STALL_TIMEOUT_S, VICTIM, Scene
from tests.faults.visits import Got, connecting, download, on_an_open_connection, under_way
from tests.servers import eventually, fetch
from tests.web.visitors import zips_of
from tornado_archiver.testing import faults, trees

Visit = Callable[[Scene], Got]
Cause = Callable[[Scene], None]

_NOT_ONE_MORE = 3  # as the limit of descriptors: those that are open stay so, whatever their numbers
_STAYS_STOPPED_S = STALL_TIMEOUT_S + 3  # longer than a visitor could keep a server waiting


def before(cause: Cause) -> Visit:
    """It has happened when the visitor comes."""

    def visit(scene: Scene) -> Got:
        cause(scene)
        return download(scene)

    return visit


def during(cause: Cause) -> Visit:
    """It happens while he has some of the body and does not read on."""

    def visit(scene: Scene) -> Got:
        with under_way(scene) as visitor:
            cause(scene)
            return visitor.rest()

    return visit


# To the source


def on_disk(fault: Callable[[Path, Path], None]) -> Cause:
    return lambda scene: fault(scene.album, scene.outside)


def made_unreadable(root: Path, outside: Path) -> None:
    (root / VICTIM).chmod(0)


def rewritten(root: Path, outside: Path) -> None:
    """In place, with as much else: it never has another size."""
    with (root / VICTIM).open("r+b") as file:
        file.write(b"x" * (root / VICTIM).stat().st_size)


def rewritten_and_set_back(root: Path, outside: Path) -> None:
    """As `touch -r` and `exiftool -P` leave a file: only its ctime tells."""
    victim = (root / VICTIM).stat()
    rewritten(root, outside)
    os.utime(root / VICTIM, ns=(victim.st_atime_ns, victim.st_mtime_ns))


def replaced(root: Path, outside: Path) -> None:
    """By another file that passes for it, put in its place at once, as rsync and editors do."""
    victim = (root / VICTIM).stat()
    outside.mkdir()
    (outside / "new").write_bytes(trees.noise(victim.st_size, seed=5))
    os.utime(outside / "new", ns=(victim.st_atime_ns, victim.st_mtime_ns))
    (outside / "new").rename(root / VICTIM)


def added(root: Path, outside: Path) -> None:
    trees.write(root / "z" / "zz.jpg", b"one more")


def removed(root: Path, outside: Path) -> None:
    shutil.rmtree(root)


def swapped_for_link(root: Path, outside: Path) -> None:
    """The whole directory, for one outside that passes for it by its names, sizes and times."""
    shutil.copytree(root, outside)
    for path in (path for path in outside.rglob("*") if path.is_file()):
        status = path.stat()
        path.write_bytes(faults.SECRET + bytes(status.st_size - len(faults.SECRET)))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    shutil.rmtree(root)
    root.symlink_to(outside)


# To the zip program


def program_killed(scene: Scene) -> None:
    _program(scene).kill()


def program_stopped(scene: Scene) -> Got:
    """For a while. Its visitor reads all that there is, and then there is nothing for him."""
    with under_way(scene) as visitor:
        _program(scene).suspend()
        try:
            return visitor.rest(_STAYS_STOPPED_S)
        except subprocess.TimeoutExpired:
            _program(scene).resume()
        return replace(visitor.rest(), note="waits")


def _program(scene: Scene) -> psutil.Process:
    (program,) = zips_of(scene.server)
    return program


def acting(script: str) -> Visit:
    """In place of the program: a shell script, in which `$ZIP "$@"` is what was asked for."""

    def visit(scene: Scene) -> Got:
        usual = (scene.tools / "act").read_text()
        (scene.tools / "act").write_text(f"{script}\n")
        try:
            return download(scene)
        finally:
            (scene.tools / "act").write_text(usual)

    return visit


# To the machine


def cannot_be_read_from(offset: int) -> Cause:
    """Not called .jpg: what the zip program does about it depends on whether it compresses."""
    content = trees.noise(2 * MIB)
    return lambda scene: trees.write(scene.album / f"eio-from-{offset}.txt", content)


@contextmanager
def without_descriptors(scene: Scene) -> Iterator[None]:
    worker = scene.server.worker
    usual = worker.rlimit(psutil.RLIMIT_NOFILE)
    worker.rlimit(psutil.RLIMIT_NOFILE, (_NOT_ONE_MORE, usual[1]))
    try:
        yield
    finally:
        worker.rlimit(psutil.RLIMIT_NOFILE, usual)


def no_descriptor_to_come_in(scene: Scene) -> Got:
    """For a while: it ends when the service has noticed."""
    with ExitStack() as shortage:
        shortage.enter_context(without_descriptors(scene))
        with connecting(scene) as visitor:
            assert eventually(lambda: "Too many open files" in scene.said(), timeout_s=60)
            shortage.close()
            return replace(visitor.rest(), note="waits")


def no_descriptor_to_begin(scene: Scene) -> Got:
    with on_an_open_connection(scene) as ask, without_descriptors(scene):
        return ask()


def no_descriptor_to_go_on(scene: Scene) -> Got:
    with under_way(scene) as visitor, without_descriptors(scene):
        return visitor.rest()


# To the service


def worker_killed(scene: Scene) -> None:
    """One that has served for a while: who dies early is replaced a second later."""
    worker = scene.server.worker
    # more than that second: psutil takes the boot, from which it counts, to have been at a full one
    assert eventually(lambda: time.time() - worker.create_time() > 3), "its time stands still"
    programs = worker.children()
    worker.kill()
    assert fetch(scene.server.port, "/healthz") == b"ok\n", "the next visitor meets the next worker"
    assert eventually(lambda: not any(program.is_running() for program in programs)), "a program is left"
