"""The headers of a tar archive's members, made of manifest entries.

ustar headers are made here, as there are thousands to the second; what ustar cannot say (long or non-ASCII
names, 8 GiB and more, times before 1970) the standard library says in PAX records (POSIX.1-2001, pax).
"""

import struct
import tarfile
from zlib import adler32

from tornado_archiver.source import Entry

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)  # of the archive

# pax, "ustar Interchange Format": name, mode, uid, gid, size, mtime; behind the checksum: type, link, magic
# and version, and then owner, group, device numbers, prefix, which stay empty
_USTAR_START = b"%b%07o\0" + 2 * b"0000000\0" + b"%011o\0%011o\0"
_USTAR_END = struct.Struct("c100s8s247x")
_FILE_END, _DIRECTORY_END = (
    _USTAR_END.pack(kind, b"", b"ustar\x0000") for kind in (tarfile.REGTYPE, tarfile.DIRTYPE)
)
# counted with a checksum of blanks
_FILE_SUM, _DIRECTORY_SUM = (sum(end + b" " * 8) for end in (_FILE_END, _DIRECTORY_END))
_SIZE_AT, _CHECKSUM_AT = 124, 148
_MAX_NAME, _MAX_NUMBER = 100, 8**11 - 1
_NS_PER_S = 1_000_000_000


def header_of(entry: Entry) -> bytes:
    """All that stands in front of the entry's content; a multiple of a block."""
    return ustar_header(entry) if is_ustar(entry) else pax_header(entry)


def is_ustar(entry: Entry) -> bool:
    """Whether one block says it all."""
    name = entry.member_name
    return (
        name.isascii()
        and len(name) <= _MAX_NAME
        and entry.size <= _MAX_NUMBER
        and 0 <= entry.mtime_ns < (_MAX_NUMBER + 1) * _NS_PER_S
    )


def ustar_header(entry: Entry) -> bytes:
    """One block, for an entry that ustar can say: thousands to the second, so with few calls."""
    start = _USTAR_START % (
        entry.member_name.encode().ljust(_MAX_NAME, b"\0"),
        entry.mode,
        entry.size,
        entry.mtime_ns // _NS_PER_S,
    )
    is_directory = not entry.size and entry.is_directory
    end, end_sum = (_DIRECTORY_END, _DIRECTORY_SUM) if is_directory else (_FILE_END, _FILE_SUM)
    # the low half of an Adler-32 is 1 and the sum of the bytes, up to 65,520: more than these ones come to
    return start + b"%06o\0 " % ((adler32(start) & 0xFFFF) - 1 + end_sum) + end


def pax_header(entry: Entry) -> bytes:
    """An extended header with what ustar cannot say, then the ustar header; a multiple of a block."""
    info = tarfile.TarInfo(entry.member_name)
    info.type = tarfile.DIRTYPE if entry.is_directory else tarfile.REGTYPE
    info.size = entry.size
    info.mtime = entry.mtime_ns // _NS_PER_S
    info.mode = entry.mode
    headers = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    return (
        headers if entry.size <= _MAX_NUMBER else headers[:-BLOCK] + _with_size(headers[-BLOCK:], entry.size)
    )


def _with_size(header: bytes, size: int) -> bytes:
    """The header with a size in base 256, which busybox knows where it does not know PAX."""
    changed = bytearray(header)
    changed[_SIZE_AT : _SIZE_AT + 12] = b"\x80" + size.to_bytes(11, "big")
    return _with_checksum(changed)


def _with_checksum(header: bytearray) -> bytes:
    header[_CHECKSUM_AT : _CHECKSUM_AT + 8] = b" " * 8
    header[_CHECKSUM_AT : _CHECKSUM_AT + 8] = b"%06o\0 " % sum(header)
    return bytes(header)
