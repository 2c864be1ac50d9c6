"""What this process holds: to compare before and after."""

import asyncio
import gc
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Self

import psutil

from tornado_archiver.scratch import tempdirs_of

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
