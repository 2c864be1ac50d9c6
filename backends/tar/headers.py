"""Headers of tar members, made of manifest entries.

ustar headers are made here, because there are thousands a second. The standard library makes the PAX records
(POSIX.1-2001, pax) of what ustar cannot hold: long or non-ASCII names, 8 GiB and more, times before 1970.
"""

import struct
import tarfile
from zlib import adler32

from tornado_archiver.source import Entry

BLOCK = tarfile.BLOCKSIZE
END_OF_ARCHIVE = bytes(2 * BLOCK)

# pax, "ustar Interchange Format": name, mode, uid, gid, size, mtime; after the checksum: type, link, magic,
# version, and then owner, group, device numbers, prefix, which stay empty
_USTAR_START = b"%b%07o\0" + 2 * b"0000000\0" + b"%011o\0%011o\0"
_USTAR_END = struct.Struct("c100s8s247x")
_FILE_END, _DIRECTORY_END = (
    _USTAR_END.pack(kind, b"", b"ustar\x0000") for kind in (tarfile.REGTYPE, tarfile.DIRTYPE)
)
# the checksum itself is summed up as eight blanks
_FILE_SUM, _DIRECTORY_SUM = (sum(end + b" " * 8) for end in (_FILE_END, _DIRECTORY_END))
_SIZE_AT, _CHECKSUM_AT = 124, 148
_MAX_NAME, _MAX_NUMBER = 100, 8**11 - 1
_NS_PER_S = 1_000_000_000
_STOP_NS = (_MAX_NUMBER + 1) * _NS_PER_S


def header(entry: Entry) -> bytes:
    """Return the blocks before the entry's content."""
    return ustar_header(entry) if fits_ustar(entry) else pax_header(entry)


def fits_ustar(entry: Entry) -> bool:
    """Return whether one ustar block holds all of the entry."""
    name, _, size, mtime_ns, _ = entry
    return name.isascii() and len(name) <= _MAX_NAME and size <= _MAX_NUMBER and 0 <= mtime_ns < _STOP_NS


def ustar_header(entry: Entry) -> bytes:
    """Return one block, for an entry that fits. Few calls, because there are thousands a second."""
    name, _, size, mtime_ns, mode = entry
    name_field = name.encode().ljust(_MAX_NAME, b"\0")
    start = _USTAR_START % (name_field, mode, size, mtime_ns // _NS_PER_S)
    is_directory = not size and entry.is_directory
    end, end_sum = (_DIRECTORY_END, _DIRECTORY_SUM) if is_directory else (_FILE_END, _FILE_SUM)
    # the low half of an Adler-32 is 1 plus the sum of the bytes, which is below its modulus of 65,521 here
    return start + b"%06o\0 " % ((adler32(start) & 0xFFFF) - 1 + end_sum) + end


def pax_header(entry: Entry) -> bytes:
    """Return an extended header with what ustar cannot hold, then the ustar header."""
    info = tarfile.TarInfo(entry.member_name)
    info.type = tarfile.DIRTYPE if entry.is_directory else tarfile.REGTYPE
    info.size = entry.size
    info.mtime = entry.mtime_ns // _NS_PER_S
    info.mode = entry.mode
    headers = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    if entry.size <= _MAX_NUMBER:
        return headers
    return headers[:-BLOCK] + _set_base256_size(headers[-BLOCK:], entry.size)


def _set_base256_size(header: bytes, size: int) -> bytes:
    """Return the header with a size in base 256, because busybox does not read the PAX record."""
    changed = bytearray(header)
    changed[_SIZE_AT : _SIZE_AT + 12] = b"\x80" + size.to_bytes(11, "big")
    return _set_checksum(changed)


def _set_checksum(header: bytearray) -> bytes:
    header[_CHECKSUM_AT : _CHECKSUM_AT + 8] = b" " * 8
    header[_CHECKSUM_AT : _CHECKSUM_AT + 8] = b"%06o\0 " % sum(header)
    return bytes(header)
