"""Counters and histograms in shared memory, with the interface of prometheus_client.

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
    """The shared counters, for use by one thread of each process. A key is added when it is first counted."""

    def __init__(self) -> None:
        self._shared = SharedStruct(_Layout)
        self._struct = self._shared.struct
        self._indices: dict[Key, int] = {}  # of the keys that this process has read so far
        self.families: list[MetricFamily] = []

    def family(
        self, name: str, help_text: str, *label_names: str, buckets: tuple[float, ...] = ()
    ) -> "MetricFamily":
        """Declare a counter, or a histogram with the upper bounds `buckets`, without the infinite one."""
        self.families.append(MetricFamily(self, name, help_text, label_names, buckets))
        return self.families[-1]

    def inc(self, amounts: Mapping[Key, float]) -> None:
        """Add all amounts at once: a reader sees all or none.

        Raise OverflowError if a new key does not fit. So label values must come from short lists.
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
            raise OverflowError(f"shared counters: no space for the key {key}")
        self._struct.keys[index].value = text
        self._struct.used = index + 1  # last, so that a process that dies in between leaves no half of a key
        self._indices[key] = index


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """The metrics of one name; with `values`, the metric of these label values.

    Label values come from short lists, such as backends, outcomes and reasons. A hash, address or file name
    is never a label.
    """

    counters: SharedCounters
    name: str
    help_text: str
    label_names: tuple[str, ...]
    buckets: tuple[float, ...]
    values: tuple[str, ...] = ()

    def labels(self, *values: str) -> Self:
        """Return the metric with these label values."""
        return replace(self, values=values)

    def preregister(self) -> None:
        """Start the series at 0, because Prometheus sees no increase in a series that starts at 1."""
        self.counters.inc({self._key(SUM) if self.buckets else self._key(): 0})

    def inc(self, amount: float = 1) -> None:
        self.counters.inc({self._key(): amount})

    def observe(self, value: float) -> None:
        """Count `value` in its bucket of a histogram, not in those above it, and in the sum."""
        bounds = (*self.buckets, float("inf"))
        bucket = str(bounds[bisect_left(bounds, value)])
        self.counters.inc({self._key(bucket): 1, self._key(SUM): value})

    def samples(self, values: Mapping[Key, float]) -> dict[Key, float]:
        """Return those of `values` that belong to this family, by the values of its labels and the bound."""
        return {key[1:]: value for key, value in values.items() if key[0] == self.name}

    def _key(self, *more: str) -> Key:
        return (self.name, *self.values, *more)
