"""`tar.gz`: a streaming archive, tar in a gzip stream, made in this process by worker threads.

The compressor is ISA-L's, several times as fast as zlib's at the ratio of its quick levels.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import ClassVar

from isal import isal_zlib

from tornado_archiver.backend import INTERFACE_VERSION, Archive, ArchiveInfo, Backend, ByteRange
from tornado_archiver.backends.tar.headers import BLOCK, END_OF_ARCHIVE, header
from tornado_archiver.runtime.threads import iterate_in_thread
from tornado_archiver.source import Manifest

_READ_BYTES = 64 * 1024
_CHUNK_BYTES = 128 * 1024
_CHECKPOINT_BYTES = 16 * 1024 * 1024  # consumed without a chunk before there is a cancellation point
_GZIP_WINDOW = 31  # zlib's windowBits: the largest window (15), and 16 for a gzip header and trailer
_ISAL_LEVELS = 3


class TarGz(Backend):
    name: ClassVar[str] = "tar.gz"
    media_type: ClassVar[str] = "application/gzip"
    extension: ClassVar[str] = ".tar.gz"
    interface_version: ClassVar[int] = INTERFACE_VERSION

    async def open(self, manifest: Manifest) -> Archive:
        return _TarGzArchive(manifest, isal_level(self.options.compress_level))


def isal_level(level: int) -> int:
    """Return the level of ISA-L, 0 to 3, for one of 0 to 9."""
    return min(_ISAL_LEVELS, (level + 2) // 3)


class _TarGzArchive(Archive):
    info = ArchiveInfo()

    def __init__(self, manifest: Manifest, level: int) -> None:
        self._manifest = manifest
        self._level = level

    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        blocks = _tar_blocks(self._manifest)
        return iterate_in_thread(_compress(blocks, self._level, lambda: min(_CHUNK_BYTES, self.chunk_bytes)))


def _compress(
    blocks: Iterator[bytes | memoryview], level: int, chunk_bytes: Callable[[], int]
) -> Generator[bytes, None, None]:
    """Yield one gzip member in chunks. An empty one is a cancellation point if much gives no output."""
    compressor = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _GZIP_WINDOW)
    ready: list[bytes] = []
    size = consumed = 0
    for block in blocks:
        ready.append(compressor.compress(block))
        size += len(ready[-1])
        consumed += len(block)
        if size >= chunk_bytes() or consumed >= _CHECKPOINT_BYTES:
            ready = [b"".join(ready)]
            yield ready.pop()  # so that only the consumer holds it during the yield
            size = consumed = 0
    ready.append(compressor.flush())
    yield b"".join(ready)


def _tar_blocks(manifest: Manifest) -> Iterator[bytes | memoryview]:
    with manifest.source.reader() as reader:
        for entry in manifest.entries:
            yield header(entry)
            if not entry.is_directory:
                yield from reader.iter_blocks(entry, _READ_BYTES)
                yield bytes(-entry.size % BLOCK)
    yield END_OF_ARCHIVE
