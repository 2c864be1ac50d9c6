"""Replaces the modes that the zip program has read from the disk with those of the manifest.

It stores what `stat` reports and has no option to change that. A mode is in one place only: the external
attributes of the member's record in the central directory, at the end of the archive (APPNOTE 4.3.12). So
as much of the end is held back as these records can take, and the modes are replaced in it. No byte moves.
"""

import struct
from collections import deque
from collections.abc import Collection, Iterator

from tornado_archiver.backends.zip.records import CENTRAL_HEADER, END, MAX_16, ZIP64_END, ZIP64_LOCATOR
from tornado_archiver.errors import BackendError
from tornado_archiver.source import Entry

_ATTRIBUTES = struct.Struct("<L")
_ATTRIBUTES_AT = 38  # in the central header
_PERMISSIONS = 0o777 << 16
_MAX_EXTRA_BYTES = 64  # it writes times, uid and gid, and at most a zip64 extra (4.5.3) of 28 bytes


class ArchiveEnd:
    """The last bytes of an archive of these entries, whose central directory lies among them."""

    def __init__(self, entries: Collection[Entry]) -> None:
        self._modes = {entry.member_name.encode(): entry.mode for entry in entries}
        self._max_bytes = sum(map(len, self._modes)) + len(entries) * (CENTRAL_HEADER.size + _MAX_EXTRA_BYTES)
        self._max_bytes += ZIP64_END.size + ZIP64_LOCATOR.size + END.size
        self._chunks: deque[bytes] = deque()
        self._held_bytes = 0

    def push(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next chunk of the archive and yield those that lie before the central directory."""
        self._chunks.append(chunk)
        self._held_bytes += len(chunk)
        while self._held_bytes - len(self._chunks[0]) >= self._max_bytes:
            first = self._chunks.popleft()
            self._held_bytes -= len(first)
            yield first

    def finish(self) -> bytes:
        """Return the rest, with the modes of the manifest.

        Raise BackendError for an end that is not of an archive of these entries.
        """
        data = bytearray(b"".join(self._chunks))
        position, stop = self._central_directory(data)
        while position < stop:
            position += self._replace_mode(data, position)
        return bytes(data)

    def _central_directory(self, data: bytearray) -> tuple[int, int]:
        """Return where it starts and where it stops."""
        stop = len(data) - END.size
        signature, _, _, _, count, size, *_ = END.unpack(data[-END.size :].rjust(END.size))
        if signature != b"PK\5\6" or count != min(len(self._modes), MAX_16):
            raise BackendError(f"zip left members out: {len(self._modes)} were asked for")
        zip64_at = stop - ZIP64_LOCATOR.size - ZIP64_END.size
        if zip64_at >= 0 and data.startswith(b"PK\6\6", zip64_at):
            stop = zip64_at
            *_, size, _ = ZIP64_END.unpack_from(data, zip64_at)
        if size > stop:
            raise BackendError(
                f"zip wrote a central directory of {size} bytes, which is longer than expected"
            )
        return stop - size, stop

    def _replace_mode(self, data: bytearray, position: int) -> int:
        """Return the length of the central header there."""
        fields = CENTRAL_HEADER.unpack_from(data, position)
        name_bytes, extra_bytes, comment_bytes, _, _, attributes, _ = fields[10:]
        start = position + CENTRAL_HEADER.size
        mode = self._modes.get(bytes(data[start : start + name_bytes]))
        if mode is None:
            raise BackendError("zip packed a name that it was not asked for")
        _ATTRIBUTES.pack_into(
            data, position + _ATTRIBUTES_AT, (attributes & ~_PERMISSIONS & 0xFFFFFFFF) | mode << 16
        )
        return CENTRAL_HEADER.size + int(name_bytes) + int(extra_bytes) + int(comment_bytes)
