"""CRC-32s of files that were read before, for downloads of the same files to come."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from weakref import WeakSet

MAX_CACHED = 100_000  # some 20 MB


@dataclass(frozen=True, slots=True)
class Totals:
    """`hits` and `misses` since the start, `entries` now."""

    hits: int = 0
    misses: int = 0
    entries: int = 0


class CrcCache:
    """The most recently used CRC-32s by a content's identity; safe to use from many threads.

    What is in it never shows in an archive's bytes: it only saves reading a file twice.
    """

    def __init__(self, max_cached: int = MAX_CACHED) -> None:
        self._max_cached = max_cached
        self._crcs: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = 0
        _CACHES.add(self)

    def get(self, identity: Hashable) -> int | None:
        with self._lock:
            if identity not in self._crcs:
                self._misses += 1
                return None
            self._hits += 1
            self._crcs.move_to_end(identity)
            return self._crcs[identity]

    def put(self, identity: Hashable, crc: int) -> None:
        with self._lock:
            self._crcs[identity] = crc
            self._crcs.move_to_end(identity)
            while len(self._crcs) > self._max_cached:
                self._crcs.popitem(last=False)

    def totals(self) -> Totals:
        with self._lock:
            return Totals(self._hits, self._misses, len(self._crcs))


_CACHES: WeakSet[CrcCache] = WeakSet()


def totals() -> Totals:
    """Of all caches of this process: each backend that wants one has its own."""
    each = [cache.totals() for cache in list(_CACHES)]
    return Totals(sum(t.hits for t in each), sum(t.misses for t in each), sum(t.entries for t in each))
