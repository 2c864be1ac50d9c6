"""The book of the downloads that wait or run, in memory that all processes of one service share.

It is made before they are forked, so a limit holds over all workers, and who looks at it sees them all.
A row belongs to the process that wrote it in; when that dies, `forget` strikes its rows out. Whatever counts
and then writes does so under the book's lock.
"""

import ctypes
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

from tornado_archiver.errors import TooManyDownloadsError
from tornado_archiver.shared_book import SharedBook

CAPACITY = 16_384  # downloads at once, waiting ones included
MAX_WAITING = 500

_FREE, _WAITING, _RUNNING = range(3)
_UNKNOWN = -1
_DETAILS_BYTES = 512
_BURST_S = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """How many downloads may run at once, in all and for one client; 0 is no limit."""

    total: int = 0
    per_client: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A download. `began` is by time.monotonic(), which all processes share. `sent` and `promised` are bytes
    of the body; `promised` is None when the length shows only at its end. `details` are for people."""

    number: int
    pid: int
    is_running: bool
    began: float
    sent: int = 0
    promised: int | None = None
    details: dict[str, str] = field(default_factory=dict)


class Ledger:
    """For one thread of each process."""

    def __init__(self, limits: Limits | None = None, capacity: int = CAPACITY) -> None:
        self._shared = SharedBook(_layout(capacity))
        self._book = self._shared.book
        self.limits = limits or Limits()

    @property
    def limits(self) -> Limits:
        """The same in all processes: those that retire let in nobody whom the new ones would not."""
        return Limits(self._book.max_total, self._book.max_per_client)

    @limits.setter
    def limits(self, limits: Limits) -> None:
        with self._shared.locked():
            self._book.max_total, self._book.max_per_client = limits.total, limits.per_client

    @property
    def draining(self) -> bool:
        """Whether the service is about to stop."""
        return bool(self._book.draining)

    @draining.setter
    def draining(self, value: bool) -> None:
        self._book.draining = value

    def join(self, client: str) -> int:
        """The number of a new row, which runs already or waits for its turn.

        Raises TooManyDownloadsError when too many wait: in all, or of the same client.
        """
        with self._shared.locked():
            number = bytes(self._book.states).find(_FREE)
            if number < 0:
                raise TooManyDownloadsError("the list of downloads is full")
            self._write(number, client)
            self._promote()
            if self._is_one_too_many(number):
                self._book.states[number] = _FREE
                raise TooManyDownloadsError("too many downloads are waiting already")
            return number

    def runs(self, number: int) -> bool:
        """Whether it is the row's turn: somebody who left may have handed on his place."""
        return bool(self._book.states[number] == _RUNNING)

    def leave(self, number: int) -> None:
        """Strike the row out, and give its place to whoever waits longest."""
        with self._shared.locked():
            self._book.states[number] = _FREE
            self._promote()

    def forget(self, pid: int) -> None:
        """Strike out what a process left that is no more."""
        with self._shared.locked():
            for number in self._taken():
                if self._book.pids[number] == pid:
                    self._book.states[number] = _FREE
            self._promote()

    def describe(self, number: int, promised: int | None, details: dict[str, str]) -> None:
        """What is known of a download as soon as its head is. Details that are too long are left out."""
        text = json.dumps(details).encode()
        with self._shared.locked():
            self._book.promised[number] = _UNKNOWN if promised is None else promised
            self._book.details[number].value = text if len(text) <= _DETAILS_BYTES else b""

    def count_sent(self, number: int, sent: int) -> None:
        self._book.sent[number] = sent

    def rows(self) -> list[Row]:
        """All that waits or runs, the longest there first."""
        with self._shared.locked():
            return sorted((self._row(number) for number in self._taken()), key=lambda row: row.began)

    def reserve(self, size: int, bytes_per_s: int) -> float:
        """Put `size` bytes into a queue that all processes share and that moves at this speed; returns the
        seconds until it is their turn. Whoever has not used it for a while has a short burst to catch up."""
        with self._shared.locked():
            wait_s, self._book.free_at = line_up(self._book.free_at, size, bytes_per_s)
            return wait_s

    def give_back(self, size: int, bytes_per_s: int) -> None:
        """Those who line up behind somebody who has left before his turn move up."""
        with self._shared.locked():
            self._book.free_at -= size / bytes_per_s

    def _write(self, number: int, client: str) -> None:
        book = self._book
        book.pids[number] = os.getpid()
        book.clients[number] = _key(client)
        book.tickets[number] = book.next_ticket
        book.next_ticket += 1
        book.began[number] = time.monotonic()
        book.sent[number] = 0
        book.promised[number] = _UNKNOWN
        book.details[number].value = b""
        book.states[number] = _WAITING

    def _taken(self) -> list[int]:
        # rows are taken from the front, so what lies behind the last one is not looked at
        states = bytes(self._book.states).rstrip(bytes([_FREE]))
        return [number for number, state in enumerate(states) if state != _FREE]

    def _promote(self) -> None:
        """Let run whom the limits allow, in the order of their coming; a client who may have no more holds
        up nobody behind it."""
        states = bytes(self._book.states)
        if _WAITING not in states:
            return
        running = states.count(_RUNNING)
        taken = self._taken()
        limits = self.limits
        of_client = Counter(self._book.clients[number] for number in taken if states[number] == _RUNNING)
        waiting = [number for number in taken if states[number] == _WAITING]
        for number in sorted(waiting, key=self._book.tickets.__getitem__):
            client = self._book.clients[number]
            if limits.total and running >= limits.total:
                return
            if limits.per_client and of_client[client] >= limits.per_client:
                continue
            self._book.states[number] = _RUNNING
            running += 1
            of_client[client] += 1

    def _is_one_too_many(self, number: int) -> bool:
        if self._book.states[number] == _RUNNING:
            return False
        states = bytes(self._book.states)
        waiting = [other for other in self._taken() if states[other] == _WAITING]
        same = [other for other in waiting if self._book.clients[other] == self._book.clients[number]]
        # of one client no more than may run, or it would fill the queue that is for all
        return len(waiting) > MAX_WAITING or len(same) > (self.limits.per_client or MAX_WAITING)

    def _row(self, number: int) -> Row:
        book = self._book
        promised = book.promised[number]
        return Row(
            number=number,
            pid=book.pids[number],
            is_running=self.runs(number),
            began=book.began[number],
            sent=book.sent[number],
            promised=None if promised == _UNKNOWN else promised,
            details=_read(book.details[number].value),
        )


def _read(text: bytes) -> dict[str, str]:
    """Nothing of what its process was killed over."""
    try:
        details: dict[str, str] = json.loads(text or b"{}")
    except ValueError:
        return {}
    return details


def line_up(free_at: float, size: int, bytes_per_s: int) -> tuple[float, float]:
    """Behind a queue that is empty at `free_at` (time.monotonic()): the seconds until it is the turn of so
    many bytes, and when it will be empty then."""
    now = time.monotonic()
    start = max(free_at, now - _BURST_S)
    return max(0.0, start - now), start + size / bytes_per_s


def _layout(capacity: int) -> type[ctypes.Structure]:
    """One column for each fact: a count over all rows is one call then."""
    return type(
        "Downloads",
        (ctypes.Structure,),
        {
            "_fields_": [
                ("draining", ctypes.c_bool),
                ("max_total", ctypes.c_uint64),
                ("max_per_client", ctypes.c_uint64),
                ("next_ticket", ctypes.c_uint64),
                ("free_at", ctypes.c_double),
                ("states", ctypes.c_uint8 * capacity),
                ("pids", ctypes.c_int32 * capacity),
                ("clients", ctypes.c_uint64 * capacity),
                ("tickets", ctypes.c_uint64 * capacity),
                ("began", ctypes.c_double * capacity),
                ("sent", ctypes.c_int64 * capacity),
                ("promised", ctypes.c_int64 * capacity),
                ("details", (ctypes.c_char * _DETAILS_BYTES) * capacity),
            ]
        },
    )


def _key(client: str) -> int:
    """The same number in every process, where hash() differs."""
    return int.from_bytes(blake2b(client.encode(), digest_size=8).digest())
