"""How a format lays out a manifest: as records one behind the other, each made of segments.

A layout hangs on the manifest alone, never on what is in a cache or on the disk by now: that is what makes
a range honest.
"""

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from tornado_archiver.backend import ByteRange
from tornado_archiver.runtime.cancellation import with_checkpoints
from tornado_archiver.segments import FileContent, Segment
from tornado_archiver.source import Manifest

if TYPE_CHECKING:
    from tornado_archiver.contents import Contents


class Layout(ABC):
    """Subclasses say what the records are. `starts` is where each begins in the archive, and at last the
    archive's length; while the lengths are added up it ends with the record in question.

    `version` goes into the etag: it changes whenever the same manifest would give other bytes, so a setting
    that does that belongs into it as well.
    """

    version: str

    def __init__(self, manifest: Manifest) -> None:
        self.entries = manifest.entries
        self.starts = array("Q", [0])
        self.measure()

    @property
    def length(self) -> int:
        """Of the whole archive, in bytes."""
        return self.starts[-1]

    @abstractmethod
    def records(self) -> int:
        """How many records there are."""

    @abstractmethod
    def segments(self, record: int) -> Iterable[Segment]:
        """What record number `record` is made of. It is called for each to find out the length, so it makes
        no bytes that could wait."""

    def measure(self) -> None:
        """Fills `starts`. A layout of thousands of records that are much alike may know their lengths without
        making segments; the packer holds the bytes to them."""
        self.add_lengths(map(self.length_of, with_checkpoints(range(self.records()))))

    def add_lengths(self, lengths: Iterable[int]) -> None:
        """Those of the next records. Each may hang on where the records up to its own begin."""
        self.starts.extend(accumulate(lengths, initial=self.starts.pop()))

    def length_of(self, record: int) -> int:
        """As its segments say."""
        return sum(segment.length for segment in self.segments(record))

    def run(self, first: int, stop: int, contents: "Contents") -> list[bytes]:
        """The bytes of the records from `first` on up to `stop`, in as few calls as can be: there are
        thousands to the second. Ends before one that holds more than a small content, or hangs on a CRC-32
        that is not known yet; so there may be nothing in it."""
        return []

    def missing(self, wanted: ByteRange) -> range:
        """The entries whose CRC-32 a range asks for without holding all of their content."""
        return range(0)

    def record_at(self, position: int) -> int:
        """The record that the byte at `position` belongs to."""
        return bisect_right(self.starts, position) - 1

    def cut(self, record: int, wanted: ByteRange) -> Iterator[tuple[Segment, int, int]]:
        """The segments of a record that a range touches, each with the part of it that the range touches. An
        empty file has none, and comes with a range that reaches it."""
        at = self.starts[record]
        for segment in self.segments(record):
            start, stop = max(wanted.start - at, 0), min(wanted.stop - at, segment.length)
            if start < stop or (start == stop and self._is_empty_file(segment)):
                yield segment, start, stop
            at += segment.length

    def _is_empty_file(self, segment: Segment) -> bool:
        """Whether it is still there, and empty, only opening it tells."""
        if not isinstance(segment, FileContent) or segment.length:
            return False
        return not self.entries[segment.entry].is_directory
