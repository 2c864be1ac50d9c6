"""Processor time and memory of a process and its descendants, from /proc of Linux."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

_WATCH_INTERVAL_S = 0.02
_REAP_TIMEOUT_S = 2


def pids(root: int) -> list[int]:
    """Return the current process ids of the process and its descendants.

    It takes 0.02 ms. `children` of psutil takes 1 ms, because it reads the parent of every process of the
    machine. At fifty samples a second, this would distort the measurement.
    """
    tree = [root]
    for pid in tree:
        tree += _children(pid)
    return tree


def _children(pid: int) -> Iterator[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                yield from map(int, (thread / "children").read_text().split())


def wait_until_only(root: int, expected: set[int]) -> None:
    """Wait until all other descendants have been reaped, at most _REAP_TIMEOUT_S seconds."""
    deadline = time.monotonic() + _REAP_TIMEOUT_S
    time.sleep(_WATCH_INTERVAL_S)
    while not expected.issuperset(pids(root)) and time.monotonic() < deadline:
        time.sleep(_WATCH_INTERVAL_S)


def cpu_s(root: int) -> float:
    """Return the user and system time in seconds of the tree since its start, including reaped descendants.

    The time of running processes is read from their CPU clock in nanoseconds, that of reaped ones from the
    counter of their parent in ticks.
    """
    return _sum(root, lambda process: _own_cpu_s(process.pid) + sum(process.cpu_times()[2:4]))


def _own_cpu_s(pid: int) -> float:
    with suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)  # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)
    return 0


def own_bytes(root: int) -> int:
    """Return the private memory of the tree's processes in bytes, without shared and file-mapped pages.

    This takes the kernel a twentieth of the time of the proportional set size.
    """
    return int(_sum(root, lambda process: process.memory_info().rss - process.memory_info().shared))


def proportional_bytes(root: int) -> int:
    """Return the proportional set size of the tree in bytes; a shared page is counted once."""
    return int(_sum(root, lambda process: process.memory_full_info().pss))


def _sum(root: int, measure: Callable[[psutil.Process], float]) -> float:
    total = 0.0
    for pid in pids(root):
        with suppress(psutil.NoSuchProcess):
            total += measure(psutil.Process(pid))
    return total


class MemoryWatch:
    """Context manager that samples the memory of a tree with `measure`; `peak` is the maximum in bytes."""

    def __init__(
        self, root: int, measure: Callable[[int], int] = own_bytes, interval_s: float = _WATCH_INTERVAL_S
    ) -> None:
        self._root = root
        self._measure = measure
        self._interval_s = interval_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, self._measure(self._root))
            if self._done.wait(self._interval_s):
                return
