"""`stored-zip`: a seekable zip of contents that are stored as they are, because photos do not deflate.

The layout of an entry depends on its size only. Up to the threshold it is stored, with CRC-32 and sizes in
the local header: every reader opens that, from a pipe too. Above it, the CRC-32 would cost a reading of the
whole entry before its first byte is sent: it is deflated, in stored blocks, with CRC-32 and sizes in a data
descriptor. (Java refuses stored entries with one: "only DEFLATED entries can have EXT descriptor".)
"""

from collections.abc import Sequence
from typing import ClassVar

from tornado_archiver.backend import INTERFACE_VERSION, Archive, Backend, BackendOptions, ByteRange
from tornado_archiver.backends.zip import records
from tornado_archiver.backends.zip.records import (
    DEFLATED,
    HAS_DATA_DESCRIPTOR,
    STORED,
    UTF8,
    Member,
    simple_central_header,
    simple_local_header,
)
from tornado_archiver.errors import BackendError
from tornado_archiver.runtime.cancellation import with_checkpoints
from tornado_archiver.runtime.threads import run_in_thread
from tornado_archiver.seekable.archive import Plans, SeekableArchive
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.seekable.layout import Layout
from tornado_archiver.source import Entry, Manifest

_NS_PER_S = 1_000_000_000

# Lengths of the headers of a simple member without its name
_SIMPLE = Member(b"", STORED, 0, 0, 0, 0, 0, 0)
_LOCAL_SIZE = len(records.local_header(_SIMPLE))
_CENTRAL_SIZE = len(records.central_header(_SIMPLE, 0))
_CENTRAL_ZIP64_SIZE = len(records.central_header(_SIMPLE, records.MAX_32))


class StoredZip(Backend):
    name: ClassVar[str] = "stored-zip"
    media_type: ClassVar[str] = "application/zip"
    extension: ClassVar[str] = ".zip"
    interface_version: ClassVar[int] = INTERFACE_VERSION

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._crcs = CrcCache()
        self._plans = Plans(lambda manifest: StoredZipLayout(manifest, options.stored_threshold))

    async def open(self, manifest: Manifest) -> Archive:
        plan = await run_in_thread(self._plans.of, manifest)
        return SeekableArchive(plan, manifest, self._crcs)


class StoredZipLayout(Layout):
    """A record for each entry (local header, content, data descriptor), then one for each in the central
    directory, then the end of it. `threshold`: the largest size in bytes that is stored."""

    def __init__(self, manifest: Manifest, threshold: int) -> None:
        self.stored_max = threshold
        self.version = f"stored-zip 2 {threshold}"
        self._simple_max = min(threshold, records.MAX_32 - 1)  # larger: stored blocks or zip64
        self._count = len(manifest.entries)
        super().__init__(manifest)

    def lay_out(self) -> None:
        count, names = self._count, _encoded_lengths([entry.member_name for entry in self.entries])
        if max(names, default=0) > records.MAX_16:  # [4.4.10]
            raise BackendError(f"a path of {max(names)} bytes is longer than a zip can hold; use tar")
        self.append_lengths(
            [
                _LOCAL_SIZE + name + entry.size if entry.size <= self._simple_max else self.length_of(index)
                for index, (entry, name) in enumerate(with_checkpoints(zip(self.entries, names, strict=True)))
            ]
        )
        self.append_lengths(
            [
                (_CENTRAL_SIZE if at < records.MAX_32 else _CENTRAL_ZIP64_SIZE) + name
                if entry.size <= self._simple_max
                else self.length_of(count + index)
                for index, (entry, name, at) in enumerate(
                    with_checkpoints(zip(self.entries, names, self.offsets, strict=False))
                )
            ]
        )
        self.append_lengths([self.length_of(2 * count)])

    def head(self, record: int, crc: int) -> bytes:
        # local header, central header or end; with few calls, because there are thousands a second
        if record < self._count:
            name, _, size, mtime_ns, _ = self.entries[record]
            if size > self._simple_max:
                return records.local_header(self._member(self.entries[record], crc))
            return simple_local_header(name, size, mtime_ns // _NS_PER_S, crc)
        if record == 2 * self._count:
            start = self.offsets[self._count]
            return records.end_of_central_directory(self._count, start, self.offsets[record] - start)
        name, _, size, mtime_ns, mode = entry = self.entries[record - self._count]
        at = self.offsets[record - self._count]
        if size > self._simple_max or at >= records.MAX_32:
            return records.central_header(self._member(entry, crc), at)
        return simple_central_header(name, size, mtime_ns // _NS_PER_S, mode, crc, at)

    def tail(self, record: int, crc: int) -> bytes:
        entry = self.entries[record]
        return b"" if entry.size <= self.stored_max else records.data_descriptor(self._member(entry, crc))

    def crc_of_head(self, record: int) -> int | None:
        if record == 2 * self._count:
            return None
        is_central, index = divmod(record, self._count)
        entry = self.entries[index]
        is_contained = not entry.is_directory and (is_central or entry.size <= self.stored_max)
        return index if is_contained else None

    def crc_of_tail(self, record: int) -> int | None:
        return record if self.entries[record].size > self.stored_max else None

    def crcs_needed(self, byte_range: ByteRange) -> range:
        count = self._count
        first, last = self.record_at(byte_range.start), self.record_at(byte_range.stop - 1)
        whole_from = first if self.offsets[first] == byte_range.start else first + 1
        return range(max(first - count, 0), min(whole_from, last + 1 - count, count))

    def _member(self, entry: Entry, crc: int) -> Member:
        method, flags = STORED, 0 if entry.member_name.isascii() else UTF8
        if entry.size > self.stored_max:
            method, flags = DEFLATED, flags | HAS_DATA_DESCRIPTOR
        return Member(
            entry.member_name.encode(),
            method,
            flags,
            crc,
            self.sent_size(entry.size),
            entry.size,
            entry.mtime_ns // _NS_PER_S,
            entry.mode,
        )


def _encoded_lengths(names: Sequence[str]) -> Sequence[int]:
    return list(map(len, names if "".join(names).isascii() else map(str.encode, names)))
