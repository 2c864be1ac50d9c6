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
    """`prefix`, then the bytes of `fd` from `start` up to and without `stop`.

    The descriptor belongs to the archive and is open until the next chunk is asked for. Who sends the slice
    raises SourceChangedError when the file ends before `stop`.
    """

    prefix: bytes
    fd: int
    start: int
    stop: int

    def __len__(self) -> int:
        return len(self.prefix) + self.stop - self.start

    def split(self, max_bytes: int) -> "Iterator[FileSlice]":
        """The same bytes as slices of at most `max_bytes` of the file, the head with the first of them."""
        prefix, start = self.prefix, self.start
        while True:
            stop = min(start + max_bytes, self.stop)
            yield FileSlice(prefix, self.fd, start, stop)
            prefix, start = b"", stop
            if start == self.stop:
                return

    def iter_blocks(self, max_bytes: int) -> Iterator[bytes]:
        """The same bytes, read in parts of at most `max_bytes`: for whoever cannot use the descriptor.
        Blocking, for worker threads."""
        yield self.prefix
        position = self.start
        while position < self.stop:
            part = os.pread(self.fd, min(max_bytes, self.stop - position), position)
            if not part:
                raise SourceChangedError("a file shrank while it was sent")
            yield part
            position += len(part)


Chunk = bytes | FileSlice


def bytes_held(chunk: Chunk) -> int:
    """How much memory the chunk takes; what a slice shows of a file takes none."""
    return len(chunk.prefix if isinstance(chunk, FileSlice) else chunk)


def read_chunk(chunk: Chunk) -> bytes:
    """The chunk's bytes, read at once. Blocking."""
    return chunk if isinstance(chunk, bytes) else b"".join(chunk.iter_blocks(1024 * 1024))
