"""`tar`, planned: its length is known before its first byte, and it needs no checksum of any content.

ustar headers are made here, as there are thousands to the second; what ustar cannot say (long or non-ASCII
names, 8 GiB and more, times before 1970) the standard library says in PAX records (POSIX.1-2001, pax).
"""

import asyncio
import struct
import tarfile
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from tornado_archiver.backend import Archive, Backend, BackendOptions
from tornado_archiver.contents import Contents
from tornado_archiver.crc_cache import CrcCache
from tornado_archiver.layout import Layout
from tornado_archiver.manifest import Entry, Manifest
from tornado_archiver.planned import PlannedArchive
from tornado_archiver.segments import FileContent, Late, Literal, Segment

_BLOCK = tarfile.BLOCKSIZE
_END = Literal(bytes(2 * _BLOCK))
# pax, "ustar Interchange Format": name, mode, uid, gid, size, mtime, checksum, type, link, magic and version,
# owner, group, device numbers, prefix
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_SIZE_AT, _CHECKSUM_AT = 124, 148
_ZERO_OWNER = b"0000000\0"
_MAX_NAME, _MAX_NUMBER = 100, 8**11 - 1


class Tar(Backend):
    name: ClassVar[str] = "tar"
    media_type: ClassVar[str] = "application/x-tar"
    suffix: ClassVar[str] = ".tar"

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._crcs = CrcCache()

    async def open(self, manifest: Manifest) -> Archive:
        return PlannedArchive(await asyncio.to_thread(TarLayout, manifest), manifest, self._crcs)


class TarLayout(Layout):
    """A record for each entry (headers, content, padding), and one for the end of the archive."""

    version = "tar 1"

    def records(self) -> int:
        return len(self.entries) + 1

    def segments(self, record: int) -> Iterable[Segment]:
        if record == len(self.entries):
            return (_END,)
        entry = self.entries[record]
        # whether an empty file is still there and empty, only opening it tells: its CRC-32 is asked for
        header = _header_segment(entry, None if entry.size or entry.is_directory else record)
        if not entry.size:
            return (header,)
        content = FileContent(record, entry.size)
        padding = -entry.size % _BLOCK
        return (header, content, Literal(bytes(padding))) if padding else (header, content)


def _header_segment(entry: Entry, needs: int | None) -> Segment:
    name, time_s = entry.member_name, entry.mtime_ns // 1_000_000_000
    if name.isascii() and len(name) <= _MAX_NAME and entry.size <= _MAX_NUMBER and 0 <= time_s <= _MAX_NUMBER:
        return Late(_BLOCK, partial(ustar_header, entry), needs)
    header = pax_header(entry)
    return Late(len(header), lambda _: header, needs)


def ustar_header(entry: Entry, contents: Contents | None = None) -> bytes:
    """One block, for an entry that ustar can say."""
    header = bytearray(
        _HEADER.pack(
            entry.member_name.encode(),
            b"%07o\0" % entry.mode,
            _ZERO_OWNER,
            _ZERO_OWNER,
            b"%011o\0" % entry.size,
            b"%011o\0" % (entry.mtime_ns // 1_000_000_000),
            b"        ",
            tarfile.DIRTYPE if entry.is_directory else tarfile.REGTYPE,
            b"",
            b"ustar\x0000",
            b"",
            b"",
            b"",
            b"",
            b"",
        )
    )
    return _with_checksum(header)


def pax_header(entry: Entry) -> bytes:
    """An extended header with what ustar cannot say, then the ustar header; a multiple of a block."""
    info = tarfile.TarInfo(entry.member_name)
    info.type = tarfile.DIRTYPE if entry.is_directory else tarfile.REGTYPE
    info.size = entry.size
    info.mtime = entry.mtime_ns // 1_000_000_000
    info.mode = entry.mode
    headers = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    return (
        headers
        if entry.size <= _MAX_NUMBER
        else headers[:-_BLOCK] + _with_size(headers[-_BLOCK:], entry.size)
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
