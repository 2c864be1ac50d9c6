"""The records of a zip archive as functions from values to bytes (APPNOTE.TXT 6.3.10, sections in brackets).

Pure. A field that is too small for its value is filled with ones and the value stands in a zip64 extra
field, which comes first among the extras and only where it is needed: JDK 20, 7-Zip and unzip's bomb check
refuse it elsewhere.
"""

import struct
import time
from functools import lru_cache
from typing import NamedTuple

STORED, DEFLATED = 0, 8  # [4.4.5]
DESCRIPTOR_FOLLOWS, UTF8 = 1 << 3, 1 << 11  # [4.4.4]

MAX_16, MAX_32 = 0xFFFF, 0xFFFFFFFF
_UNIX = 3 << 8  # made by [4.4.2], so that the external attributes are a unix mode
_VERSION_PLAIN, _VERSION_ZIP64 = 20, 45  # [4.4.3]: directories and deflate; zip64
_IS_DIRECTORY = 0x10  # MS-DOS attribute, in the low byte
_FILE_MODE, _DIRECTORY_MODE = 0o100000, 0o040000

_LOCAL = struct.Struct("<4s5H3L2H")  # [4.3.7]
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # [4.3.12]
_LOCAL_PLAIN = struct.Struct("<4s3H4L2H")  # with time and date as one
_CENTRAL_PLAIN = struct.Struct("<4s4H4L2H6x2L")
_DESCRIPTOR = struct.Struct("<4s3L")  # [4.3.9]
_DESCRIPTOR_ZIP64 = struct.Struct("<4sL2Q")
_END_ZIP64 = struct.Struct("<4sQ2H2L4Q")  # [4.3.14]
_LOCATOR = struct.Struct("<4sLQL")  # [4.3.15]
_END = struct.Struct("<4s4H2LH")  # [4.3.16]
_TIME = struct.Struct("<2HBl")  # [4.6.1 as 0x5455], Info-ZIP's extended timestamp: modification time, UTC
_TIME_ID, _HAS_MTIME = 0x5455, 1
_ZIP64_ID = 0x0001  # [4.5.3]


class Member(NamedTuple):
    """What the records of one member say. `crc` may be unknown (0) where only lengths matter."""

    name: bytes
    method: int
    flags: int
    crc: int
    compressed_size: int
    size: int
    mtime_s: int
    mode: int

    @property
    def is_large(self) -> bool:
        return self.compressed_size >= MAX_32 or self.size >= MAX_32


def local_header(member: Member) -> bytes:
    """[4.3.7] With DESCRIPTOR_FOLLOWS, CRC and sizes are told behind the content and are 0 here [4.4.4]."""
    told = not member.flags & DESCRIPTOR_FOLLOWS
    crc, compressed, size = (member.crc, member.compressed_size, member.size) if told else (0, 0, 0)
    extra = _extended_time(member.mtime_s)
    if member.is_large:
        extra = _zip64(size, compressed) + extra
        compressed = size = MAX_32
    return (
        _LOCAL.pack(
            b"PK\3\4",
            _version(member.is_large),
            member.flags,
            member.method,
            *_dos_time(member.mtime_s),
            crc,
            compressed,
            size,
            len(member.name),
            len(extra),
        )
        + member.name
        + extra
    )


def plain_local_header(name: str, size: int, mtime_s: int, crc: int) -> bytes:
    """`local_header` of what is stored and needs no zip64: there are thousands to the second."""
    encoded = name.encode()
    moment, extra = _plain_times(mtime_s)
    flags = 0 if name.isascii() else UTF8
    return (
        _LOCAL_PLAIN.pack(
            b"PK\3\4", _VERSION_PLAIN, flags, STORED, moment, crc, size, size, len(encoded), _TIME.size
        )
        + encoded
        + extra
    )


def plain_central_header(name: str, size: int, mtime_s: int, mode: int, crc: int, offset: int) -> bytes:
    """`central_header` of the same."""
    encoded = name.encode()
    moment, extra = _plain_times(mtime_s)
    flags = 0 if name.isascii() else UTF8
    return (
        _CENTRAL_PLAIN.pack(
            b"PK\1\2",
            _UNIX | _VERSION_ZIP64,
            _VERSION_PLAIN,
            flags,
            STORED,
            moment,
            crc,
            size,
            size,
            len(encoded),
            _TIME.size,
            _attributes(encoded, mode),
            offset,
        )
        + encoded
        + extra
    )


def data_descriptor(member: Member) -> bytes:
    """[4.3.9] With its signature; eight bytes a size where the local header has a zip64 extra."""
    record = _DESCRIPTOR_ZIP64 if member.is_large else _DESCRIPTOR
    return record.pack(b"PK\7\10", member.crc, member.compressed_size, member.size)


def descriptor_size(member: Member) -> int:
    return _DESCRIPTOR_ZIP64.size if member.is_large else _DESCRIPTOR.size


def central_header(member: Member, offset: int) -> bytes:
    """[4.3.12] `offset` is where the member's local header starts in the archive.

    With a wide offset both sizes are in the zip64 extra as well. unzip 6.0 (process.c, getZip64Data) expects
    a size there if its field is full of ones or if the size *before* was exactly that, so that it would take
    the offset alone for the size of a member behind one of 4,294,967,295 bytes.
    """
    size, compressed, at = member.size, member.compressed_size, offset
    values = (size, compressed, at)
    wide = values if at >= MAX_32 else [value for value in values if value >= MAX_32]
    if at >= MAX_32:
        size = compressed = MAX_32
    extra = (_zip64(*wide) if wide else b"") + _extended_time(member.mtime_s)
    return (
        _CENTRAL.pack(
            b"PK\1\2",
            _UNIX | _VERSION_ZIP64,
            _version(bool(wide)),
            member.flags,
            member.method,
            *_dos_time(member.mtime_s),
            member.crc,
            min(compressed, MAX_32),
            min(size, MAX_32),
            len(member.name),
            len(extra),
            0,
            0,
            0,
            _attributes(member.name, member.mode),
            min(at, MAX_32),
        )
        + member.name
        + extra
    )


def end_records(members: int, start: int, size: int) -> bytes:
    """The end of an archive whose central directory starts at `start` and has `size` bytes.

    With zip64 record and locator only when the plain one cannot say it [4.4.1.4]: 65,535 members are
    already more than it can.
    """
    plain = _END.pack(
        b"PK\5\6", 0, 0, min(members, MAX_16), min(members, MAX_16), min(size, MAX_32), min(start, MAX_32), 0
    )
    if members < MAX_16 and size < MAX_32 and start < MAX_32:
        return plain
    wide = _END_ZIP64.pack(
        b"PK\6\6",
        _END_ZIP64.size - 12,  # of what follows this field
        _UNIX | _VERSION_ZIP64,
        _VERSION_ZIP64,
        0,
        0,
        members,
        members,
        size,
        start,
    )
    return wide + _LOCATOR.pack(b"PK\6\7", 0, start + size, 1) + plain


def _version(needs_zip64: bool) -> int:
    return _VERSION_ZIP64 if needs_zip64 else _VERSION_PLAIN


def _zip64(*values: int) -> bytes:
    """[4.5.3] The values, in the order of size, compressed size, offset, that did not fit their fields."""
    return struct.pack(f"<2H{len(values)}Q", _ZIP64_ID, 8 * len(values), *values)


def _extended_time(mtime_s: int) -> bytes:
    """The same in both headers; a time outside of 32 bits is left to the nearest that fits."""
    seconds = max(-(1 << 31), min(mtime_s, (1 << 31) - 1))
    return _TIME.pack(_TIME_ID, _TIME.size - 4, _HAS_MTIME, seconds)


@lru_cache(maxsize=1024)  # what a program made, a camera's series, it made within few seconds
def _plain_times(mtime_s: int) -> tuple[int, bytes]:
    """Time and date as one number, and the extended timestamp."""
    clock, date = _dos_time(mtime_s)
    return date << 16 | clock, _extended_time(mtime_s)


def _attributes(name: bytes, mode: int) -> int:
    """[4.4.15] The unix mode in the high half, as everyone who sets "made by unix" has it."""
    if name.endswith(b"/"):
        return (_DIRECTORY_MODE | mode) << 16 | _IS_DIRECTORY
    return (_FILE_MODE | mode) << 16


def _dos_time(mtime_s: int) -> tuple[int, int]:
    """[4.4.6] Time and date, in steps of two seconds from 1980 to 2107; in UTC, so that hosts in different
    time zones make the same bytes."""
    day, second = divmod(mtime_s, 86_400)
    if day < _DAY_1980:
        return 0, _dos_date(_DAY_1980)
    if day > _DAY_2107:
        return 23 << 11 | 59 << 5 | 29, _dos_date(_DAY_2107)
    return second // 3600 << 11 | second // 60 % 60 << 5 | second % 60 // 2, _dos_date(day)


_DAY_1980, _DAY_2107 = 3_652, 50_402  # 1980-01-01 and 2107-12-31, in days since the epoch


@lru_cache(maxsize=1024)
def _dos_date(day: int) -> int:
    year, month, date = time.gmtime(day * 86_400)[:3]
    return (year - 1980) << 9 | month << 5 | date
