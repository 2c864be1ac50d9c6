"""How a format lays out a manifest: as records one behind the other, each made of segments.

A layout hangs on the manifest alone, never on what is in a cache or on the disk by now: that is what makes
a range honest.
"""

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from tornado_archiver.byterange import ByteRange
from tornado_archiver.manifest import Manifest
from tornado_archiver.segments import Segment


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
        add, at = self.starts.append, 0
        for record in range(self.records()):
            for segment in self.segments(record):
                at += segment.length
            add(at)

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

    def missing(self, wanted: ByteRange) -> range:
        """The entries whose CRC-32 a range asks for without holding all of their content."""
        return range(0)

    def record_at(self, position: int) -> int:
        """The record that the byte at `position` belongs to."""
        return bisect_right(self.starts, position) - 1

    def touched(self, wanted: ByteRange) -> Iterator[tuple[int, int, int]]:
        """The records that a range touches, each with where in it the range starts and stops."""
        start, stop = wanted.start, wanted.stop
        for record in range(self.record_at(start), self.records()):
            at, end = self.starts[record], self.starts[record + 1]
            if at >= stop:
                return
            yield record, max(start - at, 0), min(stop, end) - at

    def cut(self, record: int, first: int, last: int) -> Iterator[tuple[Segment, int, int]]:
        """The segments of a record that its bytes `first` to `last` touch, each with the part they touch."""
        at = 0
        for segment in self.segments(record):
            start, stop = max(first - at, 0), min(last - at, segment.length)
            if start < stop:
                yield segment, start, stop
            at += segment.length
