"""The records of a zip archive as functions from values to bytes (APPNOTE.TXT 6.3.10, sections in brackets).

Rule: pure. A field that is too small for its value is filled with ones, and a zip64 extra field contains the
value. That one comes first among the extras and only if it is needed, because JDK 20, 7-Zip and unzip's bomb
check refuse it otherwise.
"""

import struct
import time
from functools import lru_cache
from typing import NamedTuple

STORED, DEFLATED = 0, 8  # [4.4.5]
HAS_DATA_DESCRIPTOR, UTF8 = 1 << 3, 1 << 11  # [4.4.4]

MAX_16, MAX_32 = 0xFFFF, 0xFFFFFFFF
_UNIX = 3 << 8  # made by [4.4.2], so that the external attributes are a unix mode
_VERSION_PLAIN, _VERSION_ZIP64 = 20, 45  # [4.4.3]: directories and deflate; zip64
_FILE_ATTRIBUTES = 0o100000 << 16
_DIRECTORY_ATTRIBUTES = 0o040000 << 16 | 0x10  # the MS-DOS attribute, in the low byte

_LOCAL = struct.Struct("<4s5H3L2H")  # [4.3.7]
CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")  # [4.3.12]
_DESCRIPTOR = struct.Struct("<4s3L")  # [4.3.9]
_DESCRIPTOR_ZIP64 = struct.Struct("<4sL2Q")
ZIP64_END = struct.Struct("<4sQ2H2L4Q")  # [4.3.14]
ZIP64_LOCATOR = struct.Struct("<4sLQL")  # [4.3.15]
END = struct.Struct("<4s4H2LH")  # [4.3.16]
_TIME = struct.Struct("<2HBl")  # [4.6.1 as 0x5455], Info-ZIP's extended timestamp: modification time, UTC
_TIME_ID, _HAS_MTIME = 0x5455, 1
_ZIP64_ID = 0x0001  # [4.5.3]

# Simple headers, with few fields because there are thousands a second: all up to the method is one, which
# depends on whether the name is ASCII, and time and date are one
_pack_local = struct.Struct("<10s4L2H").pack
_pack_central = struct.Struct("<12s4L2H6x2L").pack
_TIME_SIZE = _TIME.size
_LOCAL_STARTS = [struct.pack("<4s3H", b"PK\3\4", _VERSION_PLAIN, flags, STORED) for flags in (UTF8, 0)]
_CENTRAL_STARTS = [
    struct.pack("<4s4H", b"PK\1\2", _UNIX | _VERSION_ZIP64, _VERSION_PLAIN, flags, STORED)
    for flags in (UTF8, 0)
]


class Member(NamedTuple):
    """The fields of one member's records. `crc` may be unknown (0) where only lengths matter."""

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
    """[4.3.7] With HAS_DATA_DESCRIPTOR, CRC and sizes follow the content and are 0 here [4.4.4]."""
    in_header = not member.flags & HAS_DATA_DESCRIPTOR
    crc, compressed, size = (member.crc, member.compressed_size, member.size) if in_header else (0, 0, 0)
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


def simple_local_header(name: str, size: int, mtime_s: int, crc: int) -> bytes:
    """Return the `local_header` of a stored member without zip64."""
    encoded, start = name.encode(), _LOCAL_STARTS[name.isascii()]
    dos_datetime, extra = _times(mtime_s)
    fields = _pack_local(start, dos_datetime, crc, size, size, len(encoded), _TIME_SIZE)
    return fields + encoded + extra


def simple_central_header(name: str, size: int, mtime_s: int, mode: int, crc: int, offset: int) -> bytes:
    """Return the `central_header` of a stored member without zip64."""
    encoded, start = name.encode(), _CENTRAL_STARTS[name.isascii()]
    dos_datetime, extra = _times(mtime_s)
    attributes = (_DIRECTORY_ATTRIBUTES if name[-1] == "/" else _FILE_ATTRIBUTES) | mode << 16
    fields = _pack_central(start, dos_datetime, crc, size, size, len(encoded), _TIME_SIZE, attributes, offset)
    return fields + encoded + extra


def data_descriptor(member: Member) -> bytes:
    """[4.3.9] With its signature; eight bytes a size if the local header has a zip64 extra."""
    record = _DESCRIPTOR_ZIP64 if member.is_large else _DESCRIPTOR
    return record.pack(b"PK\7\10", member.crc, member.compressed_size, member.size)


def descriptor_size(member: Member) -> int:
    return _DESCRIPTOR_ZIP64.size if member.is_large else _DESCRIPTOR.size


def central_header(member: Member, offset: int) -> bytes:
    """[4.3.12] `offset` is where the member's local header starts in the archive.

    With a wide offset both sizes are in the zip64 extra as well. unzip 6.0 (process.c, getZip64Data) expects
    a size there if its field is full of ones or if the size *before* was exactly that. It would take an
    offset alone for the size of a member that follows one of 4,294,967,295 bytes.
    """
    size, compressed = member.size, member.compressed_size
    values = (size, compressed, offset)
    wide = values if offset >= MAX_32 else [value for value in values if value >= MAX_32]
    if offset >= MAX_32:
        size = compressed = MAX_32
    extra = (_zip64(*wide) if wide else b"") + _extended_time(member.mtime_s)
    return (
        CENTRAL_HEADER.pack(
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
            min(offset, MAX_32),
        )
        + member.name
        + extra
    )


def end_of_central_directory(members: int, start: int, size: int) -> bytes:
    """Return the end of an archive whose central directory starts at `start` and has `size` bytes.

    It has a zip64 record and locator only if a field of the plain one is too small [4.4.1.4], which is so
    from 65,535 members on.
    """
    plain = END.pack(
        b"PK\5\6", 0, 0, min(members, MAX_16), min(members, MAX_16), min(size, MAX_32), min(start, MAX_32), 0
    )
    if members < MAX_16 and size < MAX_32 and start < MAX_32:
        return plain
    wide = ZIP64_END.pack(
        b"PK\6\6",
        ZIP64_END.size - 12,  # of what follows this field
        _UNIX | _VERSION_ZIP64,
        _VERSION_ZIP64,
        0,
        0,
        members,
        members,
        size,
        start,
    )
    return wide + ZIP64_LOCATOR.pack(b"PK\6\7", 0, start + size, 1) + plain


def _version(needs_zip64: bool) -> int:
    return _VERSION_ZIP64 if needs_zip64 else _VERSION_PLAIN


def _zip64(*values: int) -> bytes:
    """[4.5.3] Return an extra with the values that do not fit, of size, compressed size, offset in order."""
    return struct.pack(f"<2H{len(values)}Q", _ZIP64_ID, 8 * len(values), *values)


def _extended_time(mtime_s: int) -> bytes:
    """Return the same for both headers; a time outside of 32 bits becomes the nearest that fits."""
    seconds = max(-(1 << 31), min(mtime_s, (1 << 31) - 1))
    return _TIME.pack(_TIME_ID, _TIME.size - 4, _HAS_MTIME, seconds)


@lru_cache(maxsize=1024)  # because the files of a camera's series or of a program are made within few seconds
def _times(mtime_s: int) -> tuple[int, bytes]:
    """Return time and date as one number, and the extended timestamp."""
    dos_time, date = _dos_time(mtime_s)
    return date << 16 | dos_time, _extended_time(mtime_s)


def _attributes(name: bytes, mode: int) -> int:
    """[4.4.15] Return the unix mode in the high half, as usual for "made by unix"."""
    return (_DIRECTORY_ATTRIBUTES if name.endswith(b"/") else _FILE_ATTRIBUTES) | mode << 16


def _dos_time(mtime_s: int) -> tuple[int, int]:
    """[4.4.6] Return time and date, in steps of two seconds from 1980 to 2107; in UTC, so that hosts in
    different time zones make the same bytes."""
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
