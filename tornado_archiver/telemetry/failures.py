"""The last failures of the service, in shared memory: a ring buffer that survives the death of a worker."""

import ctypes
from dataclasses import dataclass
from typing import Any

from tornado_archiver.runtime.shared_memory import SharedStruct

CAPACITY = 20

_SLOTS = CAPACITY + 1  # the additional one is the next to be written, so that no reader sees half a failure
_UNKNOWN = -1
_TEXTS = {"request_id": 64, "archive": 64, "backend": 64, "reason": 32}  # bytes; longer ones are truncated


@dataclass(frozen=True, slots=True)
class Failure:
    """A request for an archive that failed because of the service.

    `time`: Unix time of the end. `archive`: first characters of the hash. `backend`: "" if the request failed
    before its format was known. `bytes_sent` and `content_length` are of the archive; the latter is None
    while unknown. `status`: of the error page, or 0 for a download that was aborted after its headers.
    """

    time: float
    request_id: str
    archive: str
    backend: str
    reason: str
    bytes_sent: int = 0
    content_length: int | None = None
    status: int = 0


class _Record(ctypes.Structure):
    _fields_ = [
        ("time", ctypes.c_double),
        ("bytes_sent", ctypes.c_int64),
        ("content_length", ctypes.c_int64),
        ("status", ctypes.c_int32),
        *((name, ctypes.c_char * size) for name, size in _TEXTS.items()),
    ]


class _Layout(ctypes.Structure):
    _fields_ = [("count", ctypes.c_uint64), ("records", _Record * _SLOTS)]


class FailureLog:
    """The last CAPACITY failures of all processes forked later, for use by one thread of each."""

    def __init__(self) -> None:
        self._shared = SharedStruct(_Layout)
        self._struct = self._shared.struct

    def add(self, failure: Failure) -> None:
        """Add a failure; the oldest one is dropped."""
        with self._shared.locked():
            _write(self._struct.records[self._struct.count % _SLOTS], failure)
            self._struct.count += 1  # last, because a process that dies in between must leave no half of one

    def last(self) -> list[Failure]:
        """Return the last failures, the newest first."""
        with self._shared.locked():
            count = self._struct.count
            numbers = range(count - 1, max(count - CAPACITY, 0) - 1, -1)
            return [_read(self._struct.records[number % _SLOTS]) for number in numbers]


def _write(record: Any, failure: Failure) -> None:
    record.time, record.bytes_sent, record.status = failure.time, failure.bytes_sent, failure.status
    record.content_length = _UNKNOWN if failure.content_length is None else failure.content_length
    for name, size in _TEXTS.items():
        setattr(record, name, getattr(failure, name).encode(errors="replace")[:size])


def _read(record: Any) -> Failure:
    return Failure(
        time=record.time,
        bytes_sent=record.bytes_sent,
        content_length=None if record.content_length == _UNKNOWN else record.content_length,
        status=record.status,
        **{name: getattr(record, name).decode(errors="ignore") for name in _TEXTS},
    )
