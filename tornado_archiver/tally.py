"""Counts that all processes of one service add to, in memory that they share.

A count belongs to no process, so what one has counted stays when it dies: counts never go back while the
service runs.
"""

import ctypes
import json
from collections.abc import Mapping

from tornado_archiver.shared_book import SharedBook

CAPACITY = 2048  # different keys
_KEY_BYTES = 192

Key = tuple[str, ...]


class _Counts(ctypes.Structure):
    _fields_ = [
        ("taken", ctypes.c_uint32),
        ("keys", (ctypes.c_char * _KEY_BYTES) * CAPACITY),
        ("values", ctypes.c_double * CAPACITY),
    ]


class Tally:
    """For one thread of each process. A key is written in with its first count, and stays."""

    def __init__(self) -> None:
        self._shared = SharedBook(_Counts)
        self._book = self._shared.book
        self._numbers: dict[Key, int] = {}  # of the keys that this process has read so far

    def add(self, amounts: Mapping[Key, float]) -> None:
        """Count all of them at once: nobody sees some without the others.

        Raises OverflowError when there is no room for a new key: they have to come out of short lists.
        """
        with self._shared.locked():
            for key, amount in amounts.items():
                self._book.values[self._number(key)] += amount

    def counts(self) -> dict[Key, float]:
        """All that was counted so far, by all."""
        with self._shared.locked():
            self._read_keys()
            return {key: self._book.values[number] for key, number in self._numbers.items()}

    def _number(self, key: Key) -> int:
        if key not in self._numbers:
            self._read_keys()  # another process may have written it in
        if key not in self._numbers:
            self._write(key)
        return self._numbers[key]

    def _read_keys(self) -> None:
        for number in range(len(self._numbers), self._book.taken):
            self._numbers[tuple(json.loads(self._book.keys[number].value))] = number

    def _write(self, key: Key) -> None:
        text, number = json.dumps(key).encode(), self._book.taken
        if number == CAPACITY or len(text) > _KEY_BYTES:
            raise OverflowError(f"there is no room to count {key}")
        self._book.keys[number].value = text
        self._book.taken = number + 1  # last: who dies in between leaves no half of a key
        self._numbers[key] = number
