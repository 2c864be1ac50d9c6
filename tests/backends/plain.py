"""A minimal correct backend: seekable tar with length, etag and ranges."""

import hashlib
import tarfile
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from typing import ClassVar

from tornado_archiver.backend import Archive, ArchiveInfo, Backend, ByteRange
from tornado_archiver.runtime.threads import iterate_in_thread
from tornado_archiver.source import Entry, Manifest, Reader

BLOCK_BYTES = 256 * 1024
END = bytes(2 * tarfile.BLOCKSIZE)


class PlainArchive(Archive):
    """A seekable tar archive. For each entry: header, content and padding."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.headers = [self.header(entry) for entry in self.entries()]
        length = sum(map(len, self.headers)) + sum(map(_padded, self.entries())) + len(END)
        self.info = ArchiveInfo(length, self.etag(), self.last_modified())

    def entries(self) -> Sequence[Entry]:
        return self.manifest.entries

    def etag(self) -> str:
        digest = hashlib.sha256(b"".join(self.headers))
        digest.update(repr([(entry.source_key, entry.mtime_ns) for entry in self.entries()]).encode())
        return digest.hexdigest()

    def last_modified(self) -> int | None:
        if self.manifest.ctime_ns is None or not self.manifest.has_last_modified:
            return None
        return self.manifest.ctime_ns // 10**9

    def header(self, entry: Entry) -> bytes:
        info = tarfile.TarInfo(entry.member_name)
        info.type = tarfile.DIRTYPE if entry.is_directory else tarfile.REGTYPE
        info.size, info.mode, info.mtime = entry.size, entry.mode, entry.mtime_ns // 10**9
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")

    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        return iterate_in_thread(self.iter_range(byte_range or ByteRange(0, self.info.length or 0)))

    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        """Yield the bytes of the range. Blocking."""
        position = 0
        for part in self.parts():
            start, stop = max(byte_range.start - position, 0), min(byte_range.stop - position, len(part))
            position += len(part)
            if start < stop:
                yield bytes(part[start:stop])

    def parts(self) -> Iterator[bytes | memoryview]:
        with self.manifest.source.reader() as reader:
            for entry, header in zip(self.entries(), self.headers, strict=True):
                yield header
                if not entry.is_directory:
                    yield from self.content(reader, entry)
                    yield bytes(-entry.size % tarfile.BLOCKSIZE)
        yield END

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        return reader.iter_blocks(entry, BLOCK_BYTES)


def _padded(entry: Entry) -> int:
    return entry.size + -entry.size % tarfile.BLOCKSIZE


class Plain(Backend):
    name: ClassVar[str] = "plain"
    media_type: ClassVar[str] = "application/x-tar"
    extension: ClassVar[str] = ".tar"
    interface_version: ClassVar[int] = 1

    archive: ClassVar[type[PlainArchive]] = PlainArchive

    async def open(self, manifest: Manifest) -> Archive:
        return self.archive(manifest)
