"""A cache of the CRC-32s of files that were read before, for later downloads of the same files."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from weakref import WeakSet

MAX_SIZE = 100_000  # entries; about 20 MB


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """`hits` and `misses` since the process started, `entries` now."""

    hits: int = 0
    misses: int = 0
    entries: int = 0


class CrcCache:
    """The most recently used CRC-32s by a content's identity; safe to use from many threads.

    The bytes of an archive never depend on it: it only saves reading a file twice.
    """

    def __init__(self, max_size: int = MAX_SIZE) -> None:
        self._max_size = max_size
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
            while len(self._crcs) > self._max_size:
                self._crcs.popitem(last=False)

    def cache_info(self) -> CacheInfo:
        with self._lock:
            return CacheInfo(self._hits, self._misses, len(self._crcs))


_CACHES: WeakSet[CrcCache] = WeakSet()


def cache_info() -> CacheInfo:
    """Return the sums over all caches of this process, because each backend can have one."""
    each = [cache.cache_info() for cache in list(_CACHES)]
    return CacheInfo(sum(t.hits for t in each), sum(t.misses for t in each), sum(t.entries for t in each))
