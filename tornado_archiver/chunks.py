"""What an archive hands out: bytes, or a run of an open file that the kernel can send by itself.

A call costs Python more than the bytes it moves; a file slice moves megabytes with one.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from tornado_archiver.errors import SourceChangedError

MIN_CHUNK_BYTES = 64 * 1024  # for a client that does not keep up
MAX_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileSlice:
    """`head`, then the bytes of `descriptor` from `start` up to and without `stop`.

    The descriptor belongs to the archive and is open until the next chunk is asked for. Who sends the slice
    raises SourceChangedError when the file ends before `stop`.
    """

    head: bytes
    descriptor: int
    start: int
    stop: int

    def __len__(self) -> int:
        return len(self.head) + self.stop - self.start

    def slices(self, max_bytes: int) -> "Iterator[FileSlice]":
        """The same bytes as slices of at most `max_bytes` of the file, the head with the first of them."""
        head, start = self.head, self.start
        while True:
            stop = min(start + max_bytes, self.stop)
            yield FileSlice(head, self.descriptor, start, stop)
            head, start = b"", stop
            if start == self.stop:
                return

    def parts(self, max_bytes: int) -> Iterator[bytes]:
        """The same bytes, read in parts of at most `max_bytes`: for whoever cannot use the descriptor.
        Blocking, for worker threads."""
        yield self.head
        position = self.start
        while position < self.stop:
            part = os.pread(self.descriptor, min(max_bytes, self.stop - position), position)
            if not part:
                raise SourceChangedError("a file shrank while it was sent")
            yield part
            position += len(part)


Chunk = bytes | FileSlice


def bytes_held(chunk: Chunk) -> int:
    """How much memory the chunk takes; what a slice shows of a file takes none."""
    return len(chunk.head if isinstance(chunk, FileSlice) else chunk)


def as_bytes(chunk: Chunk) -> bytes:
    """The chunk's bytes, read at once. Blocking."""
    return chunk if isinstance(chunk, bytes) else b"".join(chunk.parts(1024 * 1024))
