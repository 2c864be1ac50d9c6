"""Which workers there are, and a number of each, in memory that all processes of one service share."""

import ctypes
import os

from tornado_archiver.shared_book import SharedBook

CAPACITY = 1024  # those that only end what they have begun are workers as well

_NOBODY = 0


class _Workers(ctypes.Structure):
    _fields_ = [("pids", ctypes.c_int32 * CAPACITY), ("notes", ctypes.c_int64 * CAPACITY)]


class Roll:
    """For one thread of each process."""

    def __init__(self) -> None:
        self._shared = SharedBook(_Workers)
        self._book = self._shared.book
        self._own: int | None = None  # the row of this process

    def enter(self) -> None:
        """This process is a worker. One for which there is no room is passed over from then on."""
        with self._shared.locked():
            self._own = next(iter(self._rows(_NOBODY)), None)
            if self._own is not None:
                self._book.pids[self._own] = os.getpid()
                self._book.notes[self._own] = 0

    def strike_out(self, pid: int) -> None:
        """That process is no more; nothing happens when it was no worker."""
        with self._shared.locked():
            for number in self._rows(pid):
                self._book.pids[number] = _NOBODY

    def note(self, value: int) -> None:
        """Keep a number of this worker; of another process there is none."""
        if self._own is not None:
            self._book.notes[self._own] = value

    def notes(self) -> dict[int, int]:
        """The number that each worker kept last, by its pid."""
        with self._shared.locked():
            return {pid: note for pid, note in zip(self._book.pids, self._book.notes, strict=True) if pid}

    def _rows(self, pid: int) -> list[int]:
        return [number for number, entered in enumerate(self._book.pids) if entered == pid]
