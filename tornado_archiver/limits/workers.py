"""The worker table with a gauge of each worker, and the open connections of accepting workers."""

import ctypes
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tornado_archiver.runtime.shared_memory import SharedStruct

CAPACITY = 1024  # old generations that finish their downloads are workers as well

_EMPTY = 0
_NOT_ACCEPTING = 2**31 - 1


class WorkerFields(ctypes.Structure):
    """The part of the scoreboard's memory for a `WorkerTable`."""

    _fields_ = [("pids", ctypes.c_int32 * CAPACITY), ("gauges", ctypes.c_int64 * CAPACITY)]


class WorkerTable:
    """The workers in `fields` of the scoreboard, under its lock `locked`. For one thread of each process."""

    def __init__(self, fields: Any, locked: Callable[[], AbstractContextManager[None]]) -> None:
        self._fields = fields
        self._locked = locked
        self._own: int | None = None  # the index of this process

    def register(self) -> None:
        """Add this process; one that finds the table full stays unlisted."""
        with self._locked():
            self._own = next(iter(self._indices(_EMPTY)), None)
            if self._own is not None:
                self._fields.pids[self._own] = os.getpid()
                self._fields.gauges[self._own] = 0

    def unregister(self, pid: int) -> None:
        """Remove a process that has exited; do nothing if it was not a worker."""
        with self._locked():
            for index in self._indices(pid):
                self._fields.pids[index] = _EMPTY

    def set_gauge(self, value: int) -> None:
        """Set the gauge of this worker; do nothing in a process that is not listed."""
        if self._own is not None:
            self._fields.gauges[self._own] = value

    def gauges(self) -> dict[int, int]:
        """Return the gauge of each worker by pid."""
        with self._locked():
            rows = zip(self._fields.pids, self._fields.gauges, strict=True)
            return {pid: gauge for pid, gauge in rows if pid != _EMPTY}

    def _indices(self, pid: int) -> list[int]:
        return [index for index, listed in enumerate(self._fields.pids) if listed == pid]


class ConnectionCount:
    """The open connections of one worker: the number at `index` in `counts`, which its generation shares.

    The worker with the fewest accepts the next connection. Otherwise the worker that wakes up first accepts
    all: of a burst of 80 connections, two of four workers had none.
    """

    def __init__(self, counts: "ctypes.Array[ctypes.c_int]", index: int) -> None:
        self._counts = counts
        self._index = index
        self._is_accepting = True

    def set(self, connections: int) -> None:
        self._counts[self._index] = connections if self._is_accepting else _NOT_ACCEPTING

    def stop_counting(self) -> None:
        """Exclude this worker from the comparison, because it does not accept any more."""
        self._is_accepting = False
        self.set(0)

    def is_above_minimum(self) -> bool:
        """Return whether another worker has fewer connections."""
        return bool(self._counts[self._index] > min(self._counts))


def connection_counts(workers: int) -> list[ConnectionCount]:
    """Return one for each worker of a generation. Call it before the fork."""
    layout = type("ConnectionCounts", (ctypes.Structure,), {"_fields_": [("counts", ctypes.c_int * workers)]})
    counts = SharedStruct(layout).struct.counts
    return [ConnectionCount(counts, index) for index in range(workers)]
