"""What this process holds: to compare before and after."""

import asyncio
import gc
import os
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from typing import Any, Self
from unittest import mock

import psutil

from tornado_archiver.runtime.tempdir import tempdirs_of
from tornado_archiver.source import Manifest
from tornado_archiver.sources.local.file import LocalFile
from tornado_archiver.sources.local.storage import LocalReader
from tornado_archiver.testing.base import ConformanceBase

_asking_bytes = 0  # that `bytes_read` itself has read so far
_EXECUTOR_PREFIX = "asyncio_"  # the event loop's own worker threads stay, idle, for the next one


@dataclass(frozen=True, slots=True)
class ResourceSnapshot:
    descriptors: frozenset[str]
    processes: frozenset[int]
    threads: frozenset[str]
    tasks: int
    tempdirs: frozenset[str]

    @classmethod
    def now(cls) -> Self:
        """Of a running event loop's process. A process that has ended and was not waited for counts."""
        gc.collect()  # what another test has left must not vanish meanwhile
        return cls.later()

    @classmethod
    def later(cls) -> Self:
        """The same later, with all that waits for the garbage collector."""
        return cls(
            descriptors=frozenset(_open_descriptors()),
            processes=frozenset(child.pid for child in psutil.Process().children(recursive=True)),
            threads=frozenset(
                f"{thread.name} ({thread.ident})"
                for thread in threading.enumerate()
                if not thread.name.startswith(_EXECUTOR_PREFIX)
            ),
            tasks=len(asyncio.all_tasks()),
            tempdirs=frozenset(tempdirs_of(os.getpid())),
        )

    def assert_unchanged(self) -> None:
        """That this process holds now what it held then."""
        left = self.differences(type(self).later())
        assert not left, f"before and after: {left}"

    def differences(self, later: "ResourceSnapshot") -> dict[str, object]:
        """What `later` has otherwise, by name; empty when all is the same."""
        return {
            field.name: (getattr(self, field.name), getattr(later, field.name))
            for field in fields(self)
            if getattr(self, field.name) != getattr(later, field.name)
        }


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Asserts that the block leaves no descriptor behind, not even for the garbage collector."""
    gc.collect()
    before = _open_descriptors()
    yield
    assert _open_descriptors() == before


def _open_descriptors() -> list[str]:
    """Each with what it leads to: a number alone could have been closed and used again."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(f"{number} -> {os.readlink(f'/proc/self/fd/{number}')}")
        except FileNotFoundError:
            continue  # the listing's own
    return found


def bytes_read() -> int:
    """How much this process and its programs have read so far, from files and pipes alike. Without what it
    takes to find that out: all of /proc has to be read, which is much on a busy machine."""
    global _asking_bytes
    this = psutil.Process()
    before = this.io_counters().read_chars
    read = before - _asking_bytes + sum(map(_bytes_read_by, this.children(recursive=True)))
    _asking_bytes += this.io_counters().read_chars - before
    return read


def _bytes_read_by(process: psutil.Process) -> int:
    try:
        count: int = process.io_counters().read_chars
    except psutil.NoSuchProcess:  # it has ended since it was found, like those that ended before
        return 0
    return count


def work_of_ended_programs() -> int:
    """A count that grows with every program that was started and waited for, however short it ran."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


_WAIT_FOR_THE_DISK = (
    (LocalReader, ("__enter__", "open_fd", "read_all", "verify")),
    (LocalFile, ("read", "slice", "verify")),
)


@contextmanager
def record_reader_threads() -> Iterator[set[str]]:
    """The names of the threads that read meanwhile, through what a source offers for it."""
    found: set[str] = set()
    with ExitStack() as patches:
        for owner, names in _WAIT_FOR_THE_DISK:
            for name in names:
                patches.enter_context(mock.patch.object(owner, name, _noting(getattr(owner, name), found)))
        patches.enter_context(
            mock.patch.object(LocalReader, "iter_blocks", _noting_each(LocalReader.iter_blocks, found))
        )
        yield found


def _noting(read: Callable[..., Any], found: set[str]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        found.add(threading.current_thread().name)
        return read(*arguments, **named)

    return noted


def _noting_each(blocks: Callable[..., Iterator[memoryview]], found: set[str]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Iterator[memoryview]:
        for block in blocks(*arguments, **named):
            found.add(threading.current_thread().name)
            yield block

    return noted


_ASKED = """
import asyncio, pickle, sys
suite, manifest = pickle.load(sys.stdin.buffer)
print(asyncio.run(suite.make_backend().open(manifest)).info.etag)
"""


def etag_in_subprocess(suite: ConformanceBase, manifest: Manifest) -> str:
    """What another process says, in which strings have other hashes. It imports the module of the suite."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed}
    asked = [sys.executable, "-c", _ASKED]
    given = pickle.dumps((suite, manifest))
    answer = subprocess.run(asked, input=given, stdout=subprocess.PIPE, env=environment, check=True)
    return answer.stdout.decode().strip()
