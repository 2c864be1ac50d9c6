"""CRC-32s of a manifest's entries: a table shared by all its downloads, and the part that one download knows.

The table takes eight bytes an entry once, not once for each client. A download uses only the values that it
has found out itself; where two downloads find different ones, the content has changed.
"""

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from tornado_archiver.errors import SourceChangedError

UNKNOWN = -1

# Two chunks, the one being sent and the one prepared, contain parts of fewer contents than that, because a
# content that is not read whole is larger than an eighth of a chunk
_MOST_SENT = 32


class CrcTable:
    """CRC-32s of `count` entries by index; safe to use from many threads."""

    def __init__(self, count: int) -> None:
        self._crcs = array("q", [UNKNOWN]) * count
        self._lock = threading.Lock()
        self.is_stale = False  # two readers found different contents: not for new downloads

    def put(self, first: int, crcs: "array[int]") -> None:
        """Set the values from index `first` on. Raise SourceChangedError where another one is known."""
        stop = first + len(crcs)
        with self._lock:
            known = self._crcs[first:stop]
            if known != crcs:
                self._check(known, crcs)
                self._crcs[first:stop] = crcs

    def get(self, first: int, stop: int) -> "array[int]":
        """Return the values from index `first` up to and without `stop`. Raise SourceChangedError if one of
        them may have been replaced by that of another content."""
        if self.is_stale:
            raise SourceChangedError("a file changed, and kept its size and time, between two readings")
        return self._crcs[first:stop]

    def _check(self, known: Sequence[int], found: Sequence[int]) -> None:
        if any(old not in (UNKNOWN, new) for old, new in zip(known, found, strict=True)):
            self.is_stale = True
            raise SourceChangedError("a file changed, and kept its size and time, between two readings")


class Checksums:
    """The values of `table` that one download has found out, and its position in a content. It outlives a
    pass over the contents, so that a download that continues after a pause reads nothing twice.

    `partial`: the entry that is being sent in stored blocks, how many bytes of it so far, their CRC-32.
    `summed`: the entry that was read for its CRC-32 last, and its identity.
    `sent`: the entries that were last opened for sending, and their identities.
    `unchecked`: the entries that a pause has closed before they were verified.
    """

    def __init__(self, table: CrcTable) -> None:
        self.table = table
        self.partial: tuple[int, int, int] = (UNKNOWN, 0, 0)
        self.summed: tuple[int, Hashable] = (UNKNOWN, None)
        self.sent: OrderedDict[int, Hashable] = OrderedDict()
        self.unchecked: list[int] = []
        self._starts: list[int] = []  # of the known runs, in order; they neither overlap nor touch
        self._stops: list[int] = []

    def put(self, first: int, crcs: Sequence[int]) -> None:
        """Add the values from index `first` on. Raise SourceChangedError where another one is known."""
        if crcs:
            self.table.put(first, array("q", crcs))
            self._add_run(first, first + len(crcs))

    def get(self, first: int, stop: int) -> "array[int]":
        """Return the values from index `first` up to `stop` or the first one that is not known."""
        return self.table.get(first, max(first, min(stop, self._known_until(first))))

    def knows(self, index: int) -> bool:
        return self._known_until(index) > index

    def is_identified(self, index: int) -> bool:
        """Return whether the content was opened, so that another one in its place would be noticed."""
        return index in self.sent or self.summed[0] == index

    def may_be(self, index: int, identity: Hashable) -> bool:
        """Return whether the content may be the one that this download has read or sent a part of before."""
        is_same = self.sent.get(index, identity) == identity
        return is_same and (self.summed[0] != index or self.summed[1] == identity)

    def add_sent(self, index: int, identity: Hashable) -> None:
        """Record that the content is about to be sent."""
        self.sent[index] = identity
        if len(self.sent) > _MOST_SENT:
            self.sent.popitem(last=False)

    def _known_until(self, index: int) -> int:
        run = bisect_right(self._starts, index) - 1
        return self._stops[run] if run >= 0 else 0

    def _add_run(self, first: int, stop: int) -> None:
        """Merge a run with those that it touches. Packing goes forward, so there are few: one of what is
        sent, one of what the central directory needs."""
        begin = bisect_right(self._starts, first)
        begin -= begin > 0 and self._stops[begin - 1] >= first
        end = bisect_right(self._starts, stop)
        if begin < end:
            first, stop = min(first, self._starts[begin]), max(stop, self._stops[end - 1])
        self._starts[begin:end] = [first]
        self._stops[begin:end] = [stop]
