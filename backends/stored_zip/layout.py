"""Which bytes a stored zip consists of. The layout of an entry depends on its size only.

Up to the threshold it is stored, with CRC-32 and sizes in the local header: the one layout that every reader
opens, from a pipe too. Above it, reading the whole entry for its CRC before its first byte would keep the
visitor waiting: it is deflated, in blocks that are stored, with CRC and sizes in a data descriptor behind it.
(Stored with a data descriptor is refused by Java: "only DEFLATED entries can have EXT descriptor".)
"""

from collections.abc import Iterable, Sequence
from functools import partial

from tornado_archiver.backend import ByteRange
from tornado_archiver.backends.stored_zip import records
from tornado_archiver.backends.stored_zip.records import DEFLATED, DESCRIPTOR_FOLLOWS, STORED, UTF8, Member
from tornado_archiver.contents import Contents
from tornado_archiver.errors import BackendError
from tornado_archiver.layout import Layout
from tornado_archiver.runtime.cancellation import with_checkpoints
from tornado_archiver.segments import FileContent, FramedContent, Late, Literal, Segment
from tornado_archiver.source import Entry, Manifest

_NS_PER_S = 1_000_000_000


class StoredZipLayout(Layout):
    """A record for each entry (local header, content, data descriptor), then one for each in the central
    directory, then the end. `threshold`: the largest size in bytes that is stored."""

    def __init__(self, manifest: Manifest, threshold: int) -> None:
        self._threshold = threshold
        self._plain_size = min(threshold, records.MAX_32 - 1)  # up to here neither frames nor zip64
        self.version = f"stored-zip 2 {threshold}"
        super().__init__(manifest)

    def records(self) -> int:
        return 2 * len(self.entries) + 1

    def segments(self, record: int) -> Iterable[Segment]:
        count = len(self.entries)
        if record < count:
            return self._local(record)
        if record < 2 * count:
            return (self._central(record - count),)
        start = self.starts[count]
        return (Literal(records.end_records(count, start, self.starts[2 * count] - start)),)

    def measure(self) -> None:
        count, names = len(self.entries), _encoded_lengths([entry.member_name for entry in self.entries])
        if max(names, default=0) > records.MAX_16:  # [4.4.10]
            raise BackendError(f"a path of {max(names)} bytes is longer than a zip can say: use tar")
        self.add_lengths(
            [
                _LOCAL_BYTES + name + entry.size if entry.size <= self._plain_size else self.length_of(index)
                for index, (entry, name) in enumerate(with_checkpoints(zip(self.entries, names, strict=True)))
            ]
        )
        self.add_lengths(
            [
                _CENTRAL_BYTES + name + (_ZIP64_THREE_BYTES if at >= records.MAX_32 else 0)
                if entry.size <= self._plain_size
                else self.length_of(count + index)
                for index, (entry, name, at) in enumerate(
                    with_checkpoints(zip(self.entries, names, self.starts, strict=False))
                )
            ]
        )
        self.add_lengths([self.length_of(2 * count)])

    def run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
        count = len(self.entries)
        if first < count:
            return self._local_run(first, min(stop, count), contents)
        return self._central_run(first - count, min(stop - count, count), contents)

    def _local_run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
        pieces: list[bytes] = []
        small = contents.small(first, stop, self._plain_size)
        crcs = contents.known_crc32s(first, first + len(small))
        for entry, data, crc in zip(self.entries[first:stop], small, crcs, strict=False):
            mtime_s = entry.mtime_ns // _NS_PER_S
            pieces += records.plain_local_header(entry.member_name, entry.size, mtime_s, crc), data
        return pieces

    def _central_run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
        crcs = contents.known_crc32s(first, stop)
        return [
            records.plain_central_header(
                entry.member_name, entry.size, entry.mtime_ns // _NS_PER_S, entry.mode, crc, at
            )
            if self._is_plain(entry, at)
            else self._central_header(index, contents)
            for index, entry, at, crc in zip(
                range(first, stop), self.entries[first:stop], self.starts[first:stop], crcs, strict=False
            )
        ]

    def _is_plain(self, entry: Entry, at: int) -> bool:
        """Whether the central record of an entry that starts there is of the usual form and length."""
        return entry.size <= self._plain_size and at < records.MAX_32

    def missing(self, wanted: ByteRange) -> range:
        count = len(self.entries)
        first, last = self.record_at(wanted.start), self.record_at(wanted.stop - 1)
        held_from = first if self.starts[first] == wanted.start else first + 1
        return range(max(first - count, 0), min(held_from, last + 1 - count, count))

    def _local(self, index: int) -> Iterable[Segment]:
        entry = self.entries[index]
        name_bytes = len(entry.member_name.encode())
        if entry.size > self._threshold:
            return self._framed(index)
        make = partial(self._local_header, index)
        if entry.is_directory:
            return (Late(_LOCAL_BYTES + name_bytes, make),)
        zip64 = _ZIP64_TWO_BYTES if entry.size >= records.MAX_32 else 0
        return Late(_LOCAL_BYTES + name_bytes + zip64, make, index), FileContent(index, entry.size)

    def _framed(self, index: int) -> Iterable[Segment]:
        member = self._member(index, 0)
        return (
            Literal(records.local_header(member)),
            FramedContent(index, member.size),
            Late(records.descriptor_size(member), partial(self._descriptor, index), index),
        )

    def _central(self, index: int) -> Segment:
        entry = self.entries[index]
        needs = None if entry.is_directory else index
        make = partial(self._central_header, index)
        if (
            entry.size > self._threshold
            or entry.size >= records.MAX_32
            or self.starts[index] >= records.MAX_32
        ):
            return Late(len(records.central_header(self._member(index, 0), self.starts[index])), make, needs)
        return Late(_CENTRAL_BYTES + len(entry.member_name.encode()), make, needs)

    def _local_header(self, index: int, contents: Contents) -> bytes:
        return records.local_header(self._member(index, self._crc(index, contents)))

    def _descriptor(self, index: int, contents: Contents) -> bytes:
        return records.data_descriptor(self._member(index, contents.crc32(index)))

    def _central_header(self, index: int, contents: Contents) -> bytes:
        return records.central_header(self._member(index, self._crc(index, contents)), self.starts[index])

    def _crc(self, index: int, contents: Contents) -> int:
        return 0 if self.entries[index].is_directory else contents.crc32(index)

    def _member(self, index: int, crc: int) -> Member:
        entry = self.entries[index]
        name = entry.member_name.encode()
        flags = 0 if entry.member_name.isascii() else UTF8
        mtime_s = entry.mtime_ns // _NS_PER_S
        if entry.size <= self._threshold:
            return Member(name, STORED, flags, crc, entry.size, entry.size, mtime_s, entry.mode)
        framed = FramedContent(index, entry.size).length
        return Member(
            name, DEFLATED, flags | DESCRIPTOR_FOLLOWS, crc, framed, entry.size, mtime_s, entry.mode
        )


# What the records of an ordinary member have besides its name; the packer holds the bytes to it.
_PLAIN = Member(b"", STORED, 0, 0, 0, 0, 0, 0)
_LOCAL_BYTES = len(records.local_header(_PLAIN))
_CENTRAL_BYTES = len(records.central_header(_PLAIN, 0))
_ZIP64_TWO_BYTES = 4 + 2 * 8
_ZIP64_THREE_BYTES = 4 + 3 * 8


def _encoded_lengths(names: Sequence[str]) -> Sequence[int]:
    return list(map(len, names if "".join(names).isascii() else map(str.encode, names)))
