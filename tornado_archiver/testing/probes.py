"""Measurements of this process: open resources, bytes read, reader threads, and an etag in a subprocess."""

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

_EXECUTOR_PREFIX = "asyncio_"  # ignored, because idle worker threads of the event loop are reused
_BLOCKING_METHODS = (
    (LocalReader, ("__enter__", "open_fd", "read_all", "verify")),
    (LocalFile, ("read", "slice", "verify")),
)
_ETAG_PROGRAM = """
import asyncio, pickle, sys
suite, manifest = pickle.load(sys.stdin.buffer)
print(asyncio.run(suite.make_backend().open(manifest)).info.etag)
"""

_own_bytes_read = 0  # by `bytes_read` itself

# Open resources


@dataclass(frozen=True, slots=True)
class ResourceSnapshot:
    """The open resources of this process and its children."""

    descriptors: frozenset[str]
    processes: frozenset[int]
    threads: frozenset[str]
    tasks: int
    tempdirs: frozenset[str]

    @classmethod
    def now(cls) -> Self:
        """Return the snapshot of a process with a running event loop. It includes zombie processes."""
        gc.collect()  # so that garbage of other tests is not collected before the next snapshot
        return cls.later()

    @classmethod
    def later(cls) -> Self:
        """Return a second snapshot, without a garbage collection, which would hide leaks."""
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
        """Fail if the open resources differ from this snapshot."""
        differences = self.differences(type(self).later())
        assert not differences, f"before and after: {differences}"

    def differences(self, later: Self) -> dict[str, object]:
        """Return the fields that differ in `later`, with both values."""
        return {
            field.name: (getattr(self, field.name), getattr(later, field.name))
            for field in fields(self)
            if getattr(self, field.name) != getattr(later, field.name)
        }


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fail if the block leaves a descriptor open, even one that the garbage collector would close."""
    gc.collect()
    before = _open_descriptors()
    yield
    assert _open_descriptors() == before


def _open_descriptors() -> list[str]:
    """Return the descriptors with their targets, because a number can be closed and reused."""
    descriptors = []
    for number in os.listdir("/proc/self/fd"):
        try:
            descriptors.append(f"{number} -> {os.readlink(f'/proc/self/fd/{number}')}")
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    return descriptors


# Reading


def bytes_read() -> int:
    """Return how many bytes this process and its children have read so far, from files and pipes.

    The bytes that this function reads are subtracted, because finding the children reads all of /proc.
    """
    global _own_bytes_read
    this = psutil.Process()
    before = this.io_counters().read_chars
    read = before - _own_bytes_read + sum(map(_bytes_read_by, this.children(recursive=True)))
    _own_bytes_read += this.io_counters().read_chars - before
    return read


def _bytes_read_by(process: psutil.Process) -> int:
    try:
        count: int = process.io_counters().read_chars
    except psutil.NoSuchProcess:  # a process that ended meanwhile counts like those that ended before
        return 0
    return count


def work_of_ended_programs() -> int:
    """Return a count that grows with each child process that was started and reaped, however short it ran."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


@contextmanager
def record_reader_threads() -> Iterator[set[str]]:
    """Yield a set that collects the names of the threads that read from a source."""
    threads: set[str] = set()
    with ExitStack() as patches:
        for owner, names in _BLOCKING_METHODS:
            for name in names:
                patches.enter_context(
                    mock.patch.object(owner, name, _recorded(getattr(owner, name), threads))
                )
        iter_blocks = _recorded_iterator(LocalReader.iter_blocks, threads)
        patches.enter_context(mock.patch.object(LocalReader, "iter_blocks", iter_blocks))
        yield threads


def _recorded(method: Callable[..., Any], threads: set[str]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        threads.add(threading.current_thread().name)
        return method(*args, **kwargs)

    return call


def _recorded_iterator(method: Callable[..., Iterator[memoryview]], threads: set[str]) -> Callable[..., Any]:
    def iterate(*args: Any, **kwargs: Any) -> Iterator[memoryview]:
        for block in method(*args, **kwargs):
            threads.add(threading.current_thread().name)
            yield block

    return iterate


# Subprocesses


def etag_in_subprocess(suite: ConformanceBase, manifest: Manifest) -> str:
    """Return the etag from a subprocess with another hash seed. It imports the module of the suite."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", _ETAG_PROGRAM]
    stdin = pickle.dumps((suite, manifest))
    process = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, env=env, check=True)
    return process.stdout.decode().strip()
