"""The layout of a seekable archive: the positions of all bytes, and the bytes around the contents.

Rule: pure. A layout depends on the manifest alone, never on a cache or on the disk, because only then is a
range a slice of the same archive. It reads no content and does not know the packer.
"""

import sys
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from tornado_archiver.backend import ByteRange
from tornado_archiver.seekable.stored_blocks import StoredBlocks
from tornado_archiver.source import Manifest


class Layout(ABC):
    """The records of an archive of `manifest`. Each is a head, the content of at most one entry, and a tail.

    Record `i` holds the content of entry `i`; the records after those of the entries consist of a head only.
    A format defines `lay_out`, `head` and `tail`; the packer refuses bytes of another length than laid out.

    `offsets`: where each record starts in the archive, in bytes, and last the length of the archive. While
    the records are laid out it ends with the start of the next one.
    `stored_max`: larger contents, in bytes, are sent as a deflate stream of stored blocks.
    `version`: goes into the etag. It changes whenever the same manifest would give other bytes, so it
    contains each setting that does that.
    """

    version: str
    stored_max: int = sys.maxsize

    def __init__(self, manifest: Manifest) -> None:
        self.entries = manifest.entries
        self.offsets = array("Q", [0])
        self.lay_out()

    @abstractmethod
    def lay_out(self) -> None:
        """Append the lengths of all records, in order. There may be 200,000 of them before the first byte, so
        ordinary records should take arithmetic only; `length_of` is for all others."""

    @abstractmethod
    def head(self, record: int, crc: int) -> bytes:
        """Return the bytes before the content. `crc` is the CRC-32 of the entry that `crc_of_head` returns;
        the length must not depend on it."""

    @abstractmethod
    def tail(self, record: int, crc: int) -> bytes:
        """Return the bytes after the content of entry number `record`, with the CRC-32 of that content if
        `crc_of_tail` asks for it; the length must not depend on it."""

    def crc_of_head(self, record: int) -> int | None:
        """Return the entry whose CRC-32 the head contains; None without one. Neighbouring records without
        content need those of neighbouring entries."""
        return None

    def crc_of_tail(self, record: int) -> int | None:
        """Return the entry whose CRC-32 the tail contains; None without one."""
        return None

    def crcs_needed(self, byte_range: ByteRange) -> range:
        """Return the entries whose CRC-32 a range contains, but not all of their content."""
        return range(0)

    @property
    def length(self) -> int:
        """Length of the whole archive, in bytes."""
        return self.offsets[-1]

    @property
    def record_count(self) -> int:
        """Number of records."""
        return len(self.offsets) - 1

    def append_lengths(self, lengths: Iterable[int]) -> None:
        """Append the next records. Each length may depend on the offsets up to its own record."""
        self.offsets.extend(accumulate(lengths, initial=self.offsets.pop()))

    def length_of(self, record: int) -> int:
        """Return the length of a record: its head, its content, its tail."""
        head, content, tail = self.parts(record)
        return len(head) + content + len(tail)

    def parts(self, record: int) -> tuple[bytes, int, bytes]:
        """Return the head, the length of the content, and the tail, with 0 for each CRC-32."""
        head = self.head(record, 0)
        if record >= len(self.entries):
            return head, 0, b""
        return head, self.sent_size(self.entries[record].size), self.tail(record, 0)

    def sent_size(self, size: int) -> int:
        """Return how many bytes a content of `size` bytes takes in the archive."""
        return StoredBlocks(size).length if size > self.stored_max else size

    def record_at(self, position: int) -> int:
        """Return the record that contains the byte at `position`."""
        return bisect_right(self.offsets, position) - 1
