"""How much of an archive is made at a time: little for a client that is slow, much for one that is fast."""

from tornado_archiver.source import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES

_AT_ONCE_S = 0.05
# More than the kernel takes at once from a client that reads nothing (`_UNSENT_BYTES` and its receive window)
_STREAK_BYTES = 512 * 1024


class ChunkSize:
    """`bytes`: the size in memory for the next chunk, from MIN_CHUNK_BYTES to `most`."""

    def __init__(self, most: int = MAX_CHUNK_BYTES) -> None:
        self.bytes = MIN_CHUNK_BYTES
        self._most = most
        self._streak = 0

    @property
    def is_smallest(self) -> bool:
        """Whether the client does not keep up, or has not shown yet that it does."""
        return self.bytes == MIN_CHUNK_BYTES

    def sent(self, size: int, seconds: float) -> None:
        """Adapt to a client that took so many bytes in that time: the next chunk is what it takes at once."""
        if seconds > _AT_ONCE_S:
            self._streak = 0
            self._set(round(size / seconds * _AT_ONCE_S))
        else:
            self._streak += size
            if self._streak >= max(_STREAK_BYTES, 4 * self.bytes):
                self._streak = 0
                self._set(2 * self.bytes)

    def reset(self) -> None:
        """Begin again with the smallest, for a client that stands still."""
        self._streak = 0
        self.bytes = MIN_CHUNK_BYTES

    def _set(self, size: int) -> None:
        self.bytes = min(max(size, MIN_CHUNK_BYTES), self._most)
