"""CRC-32s of files that were read before, for downloads of the same files to come."""

import threading
from collections import OrderedDict
from collections.abc import Hashable

MAX_CACHED = 100_000  # some 20 MB


class CrcCache:
    """The most recently used CRC-32s by a content's identity; safe to use from many threads.

    What is in it never shows in an archive's bytes: it only saves reading a file twice.
    """

    def __init__(self, max_cached: int = MAX_CACHED) -> None:
        self._max_cached = max_cached
        self._crcs: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, identity: Hashable) -> int | None:
        with self._lock:
            if identity not in self._crcs:
                return None
            self._crcs.move_to_end(identity)
            return self._crcs[identity]

    def put(self, identity: Hashable, crc: int) -> None:
        with self._lock:
            self._crcs[identity] = crc
            self._crcs.move_to_end(identity)
            while len(self._crcs) > self._max_cached:
                self._crcs.popitem(last=False)
