"""Backends with wrong facts of an archive, or with invalid metadata, one error in each class."""

import hashlib
import tarfile
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from tests.backends.plain import Plain, PlainArchive
from tornado_archiver.backend import ArchiveInfo, BackendOptions, ByteRange
from tornado_archiver.errors import BackendUnavailableError
from tornado_archiver.options import TEXT, option
from tornado_archiver.source import Entry, Manifest

# Facts of the archive


class HandsOutOneHugeChunk(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        yield b"".join(super().iter_range(byte_range))


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


class WithWrongLength(PlainArchive):
    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.info = ArchiveInfo((self.info.length or 0) + tarfile.BLOCKSIZE, self.info.etag)


class CutsRangesOneByteShort(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        is_whole = byte_range.stop == self.info.length
        return super().iter_range(ByteRange(byte_range.start, byte_range.stop - (not is_whole)))


class IgnoresRanges(PlainArchive):
    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        return super().chunks(None)


class GivesOnlyOneRange(PlainArchive):
    """The first range exhausts the iterator."""

    is_exhausted = False

    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        if not self.is_exhausted:
            self.is_exhausted = True
            yield from super().iter_range(byte_range)


class OneTagForDifferentPackings(PlainArchive):
    """The bytes contain the time of packing, the etag does not."""

    packings = 0

    def header(self, entry: Entry) -> bytes:
        type(self).packings += 1
        return super().header(entry._replace(mtime_ns=self.packings * 10**9))

    def etag(self) -> str:
        return "always"


class _TagOfAttributes(PlainArchive):
    """The etag covers too few attributes."""

    def covered(self, entry: Entry) -> object:
        raise NotImplementedError

    def etag(self) -> str:
        return hashlib.sha256(repr([self.covered(entry) for entry in self.entries()]).encode()).hexdigest()


class OneTagForAll(PlainArchive):
    def etag(self) -> str:
        return "always"


class TagWithoutTimes(_TagOfAttributes):
    def covered(self, entry: Entry) -> object:
        return entry.member_name, entry.size, entry.mode


class TagInWholeSeconds(_TagOfAttributes):
    def covered(self, entry: Entry) -> object:
        return entry._replace(mtime_ns=entry.mtime_ns // 10**9)


class TagWithoutModes(_TagOfAttributes):
    def covered(self, entry: Entry) -> object:
        return entry.member_name, entry.size, entry.mtime_ns


class TagWithoutNames(_TagOfAttributes):
    def covered(self, entry: Entry) -> object:
        return entry.size, entry.mtime_ns, entry.mode


class TagOfThisProcess(PlainArchive):
    """The etag differs in other processes, so that no download can be resumed there."""

    def etag(self) -> str:
        return str(hash(tuple(self.entries())))


class TagInQuotes(PlainArchive):
    def etag(self) -> str:
        return f'"{super().etag()}"'


class WithTooOldDate(PlainArchive):
    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.info = ArchiveInfo(last_modified=(self.info.last_modified or 0) - 86_400)


class DatedByItsFiles(PlainArchive):
    """The newest mtime does not change when an older file replaces another."""

    def last_modified(self) -> int | None:
        return max(entry.mtime_ns for entry in self.entries()) // 10**9


class AlwaysDated(PlainArchive):
    def last_modified(self) -> int | None:
        return (self.manifest.ctime_ns or 0) // 10**9


# Metadata of the backend


class BadName(Plain):
    name = "Plain Tar"


class BadMediaType(Plain):
    media_type = "tar"


class BadSuffix(Plain):
    extension = "tar"


class ForAnotherInterface(Plain):
    interface_version = 2


@dataclass(frozen=True)
class _SecretOptions(BackendOptions):
    secret: str = option("", TEXT, "A password.", secret=True)


class WithAVariableOfTheService(Plain):
    """ARCHIVER_LINK_SECRET."""

    name = "link"
    options = _SecretOptions()


class WithOtherOptions(Plain):
    """It does not pass its options on, so it gets the defaults of the base class."""

    options = _SecretOptions()

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(BackendOptions(options.compress_level))


class CannotWork(Plain):
    async def check(self) -> None:
        raise BackendUnavailableError("a required program is missing")
