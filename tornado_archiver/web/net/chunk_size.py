"""The size of the next chunk, adapted to the speed of the client."""

from tornado_archiver.source import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES

_CHUNK_DURATION_S = 0.05
# More than the kernel accepts for a client that reads nothing (`sendfile._NOTSENT_LOWAT` and its window)
_STREAK_BYTES = 512 * 1024


class ChunkSize:
    """`bytes`: the size in memory for the next chunk, from MIN_CHUNK_BYTES to `max_bytes`."""

    def __init__(self, max_bytes: int = MAX_CHUNK_BYTES) -> None:
        self.bytes = MIN_CHUNK_BYTES
        self._max_bytes = max_bytes
        self._streak = 0

    @property
    def is_smallest(self) -> bool:
        """Whether the client is slow, or may be: each download starts like this."""
        return self.bytes == MIN_CHUNK_BYTES

    def sent(self, size: int, seconds: float) -> None:
        """Adapt the next chunk to `size` bytes that were sent in `seconds`."""
        if seconds > _CHUNK_DURATION_S:
            self._streak = 0
            self._set(round(size / seconds * _CHUNK_DURATION_S))
        else:
            self._streak += size
            if self._streak >= max(_STREAK_BYTES, 4 * self.bytes):
                self._streak = 0
                self._set(2 * self.bytes)

    def reset(self) -> None:
        """Return to the smallest size, for a client that has stopped reading."""
        self._streak = 0
        self.bytes = MIN_CHUNK_BYTES

    def _set(self, size: int) -> None:
        self.bytes = min(max(size, MIN_CHUNK_BYTES), self._max_bytes)
