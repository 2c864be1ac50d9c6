"""Backends that do not keep what they say of an archive, or say of themselves what is not allowed."""

import hashlib
import tarfile
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Any

from tests.backends.plain import Plain, PlainArchive
from tornado_archiver.backend import ArchiveInfo, ByteRange
from tornado_archiver.errors import BackendUnavailableError
from tornado_archiver.source import Entry, Manifest

# What it says of the archive


class HandsOutOneHugeChunk(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        yield b"".join(super().cut(wanted))


class HandsOutEmptyChunks(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        async with aclosing(super().chunks(byte_range)) as chunks:
            async for chunk in chunks:
                yield chunk
        yield b""


class HandsOutText(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Any, None]:
        async with aclosing(super().chunks(byte_range)) as chunks:
            async for chunk in chunks:
                yield chunk.decode("latin-1")


class HandsOutViews(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Any, None]:
        async with aclosing(super().chunks(byte_range)) as chunks:
            async for chunk in chunks:
                yield memoryview(chunk)


class LiesAboutItsLength(PlainArchive):
    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.info = ArchiveInfo((self.info.length or 0) + tarfile.BLOCKSIZE, self.info.etag)


class CutsRangesOneByteShort(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        is_whole = wanted.stop == self.info.length
        return super().cut(ByteRange(wanted.start, wanted.stop - (not is_whole)))


class IgnoresRanges(PlainArchive):
    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        return super().chunks(None)


class GivesOnlyOneRange(PlainArchive):
    """What it reads from is used up by the first."""

    is_used_up = False

    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        if not self.is_used_up:
            self.is_used_up = True
            yield from super().cut(wanted)


class OneTagForDifferentPackings(PlainArchive):
    """The time of packing is among the bytes, and not in the tag."""

    packings = 0

    def header(self, entry: Entry) -> bytes:
        type(self).packings += 1
        return super().header(entry._replace(mtime_ns=self.packings * 10**9))

    def etag(self) -> str:
        return "always"


class _TagOf(PlainArchive):
    """The etag is made of too little."""

    def of(self, entry: Entry) -> object:
        raise NotImplementedError

    def etag(self) -> str:
        return hashlib.sha256(repr([self.of(entry) for entry in self.entries()]).encode()).hexdigest()


class OneTagForAll(PlainArchive):
    def etag(self) -> str:
        return "always"


class TagWithoutTimes(_TagOf):
    def of(self, entry: Entry) -> object:
        return entry.member_name, entry.size, entry.mode


class TagInWholeSeconds(_TagOf):
    def of(self, entry: Entry) -> object:
        return entry._replace(mtime_ns=entry.mtime_ns // 10**9)


class TagWithoutModes(_TagOf):
    def of(self, entry: Entry) -> object:
        return entry.member_name, entry.size, entry.mtime_ns


class TagWithoutNames(_TagOf):
    def of(self, entry: Entry) -> object:
        return entry.size, entry.mtime_ns, entry.mode


class TagOfThisProcess(PlainArchive):
    """Another worker's and the next start's are others: no download can be resumed there."""

    def etag(self) -> str:
        return str(hash(tuple(self.entries())))


class TagInQuotes(PlainArchive):
    def etag(self) -> str:
        return f'"{super().etag()}"'


class SaysItIsOlder(PlainArchive):
    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.info = ArchiveInfo(last_modified=(self.info.last_modified or 0) - 86_400)


class DatedByItsFiles(PlainArchive):
    """The newest of their times stays what it is when an older file is moved into the place of another."""

    def last_modified(self) -> int | None:
        return max(entry.mtime_ns for entry in self.entries()) // 10**9


class AlwaysDated(PlainArchive):
    def last_modified(self) -> int | None:
        return (self.manifest.ctime_ns or 0) // 10**9


# What it says of itself


class BadName(Plain):
    name = "Plain Tar"


class BadMediaType(Plain):
    media_type = "tar"


class BadSuffix(Plain):
    extension = "tar"


class CannotWork(Plain):
    async def check(self) -> None:
        raise BackendUnavailableError("it needs something that nobody has")
