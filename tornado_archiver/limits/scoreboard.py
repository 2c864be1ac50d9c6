"""The scoreboard: shared memory with running and queued downloads, the workers and the total rate.

Modelled on Apache (include/scoreboard.h). It is created before the workers are forked, so a limit applies to
all workers together, and the admin process reads the downloads of all. A slot belongs to the process that
took it; when that exits, the supervisor calls `release_process`. Code that counts and then writes holds the
lock.
"""

import ctypes
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

from tornado_archiver.errors import TooManyDownloadsError
from tornado_archiver.limits.rate import BucketFields, TokenBucket
from tornado_archiver.limits.workers import WorkerFields, WorkerTable
from tornado_archiver.runtime.shared_memory import SharedStruct

CAPACITY = 16_384  # downloads at once, those in the queue included
MAX_WAITING = 500

_FREE, _WAITING, _RUNNING = range(3)
_UNKNOWN = -1
_LABELS_BYTES = 512


@dataclass(frozen=True, slots=True)
class Limits:
    """How many downloads are allowed to run at once, in all and for one client; 0 means no limit."""

    total: int = 0
    per_client: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """A snapshot of one download. `started_at` is by time.monotonic(), one clock for all processes.

    `bytes_sent` and `content_length` are of the body; `content_length` is None while it is unknown. `labels`
    are for the status page.
    """

    index: int
    pid: int
    is_running: bool
    started_at: float
    bytes_sent: int = 0
    content_length: int | None = None
    labels: dict[str, str] = field(default_factory=dict)


class Scoreboard:
    """The scoreboard, for use by one thread of each process. `workers` shares its memory and lock."""

    def __init__(self, limits: Limits | None = None, capacity: int = CAPACITY) -> None:
        self._shared = SharedStruct(_layout(capacity))
        self._struct = self._shared.struct
        self.workers = WorkerTable(self._struct.workers, self._shared.locked)
        self.limits = limits or Limits()

    @property
    def limits(self) -> Limits:
        """Shared by all processes: old workers enforce the new limits too while they drain."""
        return Limits(self._struct.max_total, self._struct.max_per_client)

    @limits.setter
    def limits(self, limits: Limits) -> None:
        with self._shared.locked():
            self._struct.max_total, self._struct.max_per_client = limits.total, limits.per_client

    @property
    def draining(self) -> bool:
        """Whether the service shuts down."""
        return bool(self._struct.draining)

    @draining.setter
    def draining(self, value: bool) -> None:
        self._struct.draining = value

    def token_bucket(self, bytes_per_s: int) -> TokenBucket:
        """Return the token bucket of all downloads, for reservations at this rate."""
        return TokenBucket(bytes_per_s, self._struct.bucket, self._shared.locked)

    def enqueue(self, client: str) -> int:
        """Take a slot and return its index. It is running or waiting.

        Raise TooManyDownloadsError when all slots are taken, or too many downloads wait: in
        all, or of this client.
        """
        with self._shared.locked():
            slot = bytes(self._struct.states).find(_FREE)
            if slot < 0:
                raise TooManyDownloadsError("the scoreboard is full")
            self._init_slot(slot, client)
            self._admit_waiting()
            if self._queue_full(slot):
                self._struct.states[slot] = _FREE
                raise TooManyDownloadsError("too many downloads are waiting already")
            return slot

    def is_running(self, slot: int) -> bool:
        """Return whether the download was admitted, by whichever process released a slot."""
        return bool(self._struct.states[slot] == _RUNNING)

    def release(self, slot: int) -> None:
        """Free the slot, and admit the downloads that wait for it."""
        with self._shared.locked():
            self._struct.states[slot] = _FREE
            self._admit_waiting()

    def release_process(self, pid: int) -> list[Slot]:
        """Free and return the slots of an exited process, and remove it from the workers."""
        self.workers.unregister(pid)
        with self._shared.locked():
            slots = [self._snapshot(slot) for slot in self._used() if self._struct.pids[slot] == pid]
            for slot in slots:
                self._struct.states[slot.index] = _FREE
            self._admit_waiting()
        return slots

    def set_labels(self, slot: int, labels: dict[str, str], content_length: int | None = None) -> None:
        """Set the labels and length of a download. Labels that are too long are dropped."""
        text = json.dumps(labels).encode()
        with self._shared.locked():
            self._struct.content_length[slot] = _UNKNOWN if content_length is None else content_length
            self._struct.labels[slot].value = text if len(text) <= _LABELS_BYTES else b""

    def set_bytes_sent(self, slot: int, bytes_sent: int) -> int:
        """Set the bytes sent of the body; return the increase since the last call."""
        new = bytes_sent - int(self._struct.bytes_sent[slot])
        self._struct.bytes_sent[slot] = bytes_sent
        return new

    def slots(self) -> list[Slot]:
        """Return all downloads that wait or run, the oldest first."""
        with self._shared.locked():
            slots = [self._snapshot(slot) for slot in self._used()]
        return sorted(slots, key=lambda slot: slot.started_at)

    def _init_slot(self, slot: int, client: str) -> None:
        struct = self._struct
        struct.pids[slot] = os.getpid()
        struct.clients[slot] = _client_hash(client)
        struct.queue_order[slot] = struct.next_in_queue
        struct.next_in_queue += 1
        struct.started_at[slot] = time.monotonic()
        struct.bytes_sent[slot] = 0
        struct.content_length[slot] = _UNKNOWN
        struct.labels[slot].value = b""
        struct.states[slot] = _WAITING

    def _used(self) -> list[int]:
        # slots are taken from the front, so those after the last used one are not read
        states = bytes(self._struct.states).rstrip(bytes([_FREE]))
        return [slot for slot, state in enumerate(states) if state != _FREE]

    def _admit_waiting(self) -> None:
        """Admit waiting downloads in FIFO order. A client at its limit does not block those behind it."""
        states = bytes(self._struct.states)
        if _WAITING not in states:
            return
        running = states.count(_RUNNING)
        used = self._used()
        limits = self.limits
        of_client = Counter(self._struct.clients[slot] for slot in used if states[slot] == _RUNNING)
        waiting = [slot for slot in used if states[slot] == _WAITING]
        for slot in sorted(waiting, key=self._struct.queue_order.__getitem__):
            client = self._struct.clients[slot]
            if limits.total and running >= limits.total:
                return
            if limits.per_client and of_client[client] >= limits.per_client:
                continue
            self._struct.states[slot] = _RUNNING
            running += 1
            of_client[client] += 1

    def _queue_full(self, slot: int) -> bool:
        """Return whether the waiting download in `slot` is one too many."""
        if self.is_running(slot):
            return False
        states = bytes(self._struct.states)
        waiting = [other for other in self._used() if states[other] == _WAITING]
        same = [other for other in waiting if self._struct.clients[other] == self._struct.clients[slot]]
        # of one client no more than are allowed to run, because the queue is for all clients
        return len(waiting) > MAX_WAITING or len(same) > (self.limits.per_client or MAX_WAITING)

    def _snapshot(self, slot: int) -> Slot:
        struct = self._struct
        content_length = struct.content_length[slot]
        return Slot(
            index=slot,
            pid=struct.pids[slot],
            is_running=self.is_running(slot),
            started_at=struct.started_at[slot],
            bytes_sent=struct.bytes_sent[slot],
            content_length=None if content_length == _UNKNOWN else content_length,
            labels=_parse_labels(struct.labels[slot].value),
        )


def _parse_labels(text: bytes) -> dict[str, str]:
    """Return {} for labels that were only half written when the process was killed."""
    try:
        labels: dict[str, str] = json.loads(text or b"{}")
    except ValueError:
        return {}
    return labels


def _layout(capacity: int) -> type[ctypes.Structure]:
    """Return the struct: one array for each field of a slot, so that counting slots is one call."""
    return type(
        "Scoreboard",
        (ctypes.Structure,),
        {
            "_fields_": [
                ("draining", ctypes.c_bool),
                ("max_total", ctypes.c_uint64),
                ("max_per_client", ctypes.c_uint64),
                ("next_in_queue", ctypes.c_uint64),
                ("bucket", BucketFields),
                ("workers", WorkerFields),
                ("states", ctypes.c_uint8 * capacity),
                ("pids", ctypes.c_int32 * capacity),
                ("clients", ctypes.c_uint64 * capacity),
                ("queue_order", ctypes.c_uint64 * capacity),
                ("started_at", ctypes.c_double * capacity),
                ("bytes_sent", ctypes.c_int64 * capacity),
                ("content_length", ctypes.c_int64 * capacity),
                ("labels", (ctypes.c_char * _LABELS_BYTES) * capacity),
            ]
        },
    )


def _client_hash(client: str) -> int:
    """Return the same number in every process, unlike hash()."""
    return int.from_bytes(blake2b(client.encode(), digest_size=8).digest())
