"""Counters and histograms in memory shared by all processes, used as those of prometheus_client.

A count does not belong to a process, so it stays when the process that made it dies. Counts never decrease
while the service runs.
"""

import ctypes
import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from tornado_archiver.runtime.shared_memory import SharedStruct

CAPACITY = 2048  # different keys
SUM = "sum"  # in a histogram's key, in place of the bound of a bucket
_KEY_BYTES = 192

Key = tuple[str, ...]  # the name of a metric, the values of its labels and, in a histogram, a bound or SUM


class _Layout(ctypes.Structure):
    _fields_ = [
        ("used", ctypes.c_uint32),
        ("keys", (ctypes.c_char * _KEY_BYTES) * CAPACITY),
        ("values", ctypes.c_double * CAPACITY),
    ]


class SharedCounters:
    """For one thread of each process. A key is added with its first count, and stays."""

    def __init__(self) -> None:
        self._shared = SharedStruct(_Layout)
        self._struct = self._shared.struct
        self._indices: dict[Key, int] = {}  # of the keys that this process has read so far
        self.families: list[Counter | Histogram] = []

    def counter(self, name: str, help_text: str, *label_names: str) -> "Counter":
        """Declare a counter."""
        self.families.append(counter := Counter(self, name, help_text, label_names))
        return counter

    def histogram(
        self, name: str, help_text: str, *label_names: str, buckets: tuple[float, ...]
    ) -> "Histogram":
        """Declare a histogram. `buckets`: their upper bounds, without the infinite one."""
        self.families.append(histogram := Histogram(self, name, help_text, label_names, buckets=buckets))
        return histogram

    def inc(self, amounts: Mapping[Key, float]) -> None:
        """Add all of them at once: a reader sees either all or none.

        Raise OverflowError when there is no room for a new key: label values have to be from short lists.
        """
        with self._shared.locked():
            for key, amount in amounts.items():
                self._struct.values[self._index(key)] += amount

    def values(self) -> dict[Key, float]:
        """Return all counts of all processes."""
        with self._shared.locked():
            self._read_keys()
            return {key: self._struct.values[index] for key, index in self._indices.items()}

    def _index(self, key: Key) -> int:
        if key not in self._indices:
            self._read_keys()  # another process may have added it
        if key not in self._indices:
            self._add_key(key)
        return self._indices[key]

    def _read_keys(self) -> None:
        for index in range(len(self._indices), self._struct.used):
            self._indices[tuple(json.loads(self._struct.keys[index].value))] = index

    def _add_key(self, key: Key) -> None:
        text, index = json.dumps(key).encode(), self._struct.used
        if index == CAPACITY or len(text) > _KEY_BYTES:
            raise OverflowError(f"there is no room to count {key}")
        self._struct.keys[index].value = text
        self._struct.used = index + 1  # last, so that a process that dies in between leaves no half of a key
        self._indices[key] = index


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """Metrics of one name. Label values are from short lists: a backend, an outcome, a reason; never a hash,
    an address or a file name."""

    counters: SharedCounters
    name: str
    help_text: str
    label_names: tuple[str, ...] = ()
    label_values: tuple[str, ...] = ()

    def labels(self, *values: str) -> Self:
        """Return the series with these values, in the order of the names."""
        return replace(self, label_values=values)

    def preregister(self) -> None:
        """Let the series start at 0: for Prometheus, one that is first seen at 1 never rose."""
        self.counters.inc({self._key(): 0})

    def _key(self, *more: str) -> Key:
        return (self.name, *self.label_values, *more)


class Counter(MetricFamily):
    __slots__ = ()

    def inc(self, amount: float = 1) -> None:
        self.counters.inc({self._key(): amount})


@dataclass(frozen=True, slots=True)
class Histogram(MetricFamily):
    buckets: tuple[float, ...] = ()

    def preregister(self) -> None:
        self.counters.inc({self._key(SUM): 0})

    def observe(self, value: float) -> None:
        """Count `value` in its bucket, not in those above it, and in the sum."""
        bounds = (*self.buckets, float("inf"))
        bucket = str(bounds[bisect_left(bounds, value)])
        self.counters.inc({self._key(bucket): 1, self._key(SUM): value})
