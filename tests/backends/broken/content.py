"""Backends that pack wrong content or miss changes of the source, one error in each class."""

import os
import struct
from collections.abc import Generator, Iterator, Sequence
from typing import ClassVar

from tests.backends.plain import BLOCK_BYTES, PlainArchive
from tornado_archiver.backend import ByteRange
from tornado_archiver.errors import ArchiverError, SourceChangedError
from tornado_archiver.source import Entry, Manifest, Reader
from tornado_archiver.sources.local.storage import LocalSource


class LeavesAMemberOut(PlainArchive):
    def entries(self) -> Sequence[Entry]:
        return [entry for entry in self.manifest.entries if entry.size or entry.is_directory]


class LeavesEmptyDirectoriesOut(PlainArchive):
    def entries(self) -> Sequence[Entry]:
        return [entry for entry in self.manifest.entries if not entry.is_directory] or self.manifest.entries[
            :1
        ]


class ChangesAByte(PlainArchive):
    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        for number, block in enumerate(reader.iter_blocks(entry, BLOCK_BYTES)):
            yield block if number != 3 else bytes([block[0] ^ 1]) + bytes(block[1:])


class KeepsABlockTooLong(PlainArchive):
    """Yields a block after its end of life: it is valid until the next one is requested."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        yield from list(reader.iter_blocks(entry, BLOCK_BYTES))


class ForgetsTimes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(mtime_ns=entry.mtime_ns + 10**9))


class ForgetsModes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(mode=0o755 if entry.is_directory else 0o644))


class FailsOnNames(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(member_name=entry.member_name.strip()))


class FailsOnTimes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        struct.pack("<L", entry.mtime_ns // 10**9)
        return super().header(entry)


class EndsBeforeTheLastChunk(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        held = b""
        for chunk in super().iter_range(byte_range):
            yield held
            held = chunk


class SharesState(PlainArchive):
    """All archives contain the directory that was opened last."""

    last: ClassVar[Manifest]

    def __init__(self, manifest: Manifest) -> None:
        SharesState.last = manifest
        super().__init__(manifest)

    def parts(self) -> Iterator[bytes | memoryview]:
        return PlainArchive(self.last).parts()


# Changed sources


class _WithoutVerification(PlainArchive):
    """Opens by path without comparing the status, like most archivers."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        source = self.manifest.source
        assert isinstance(source, LocalSource)
        path = os.path.join(source.root, source.name, entry.source_key)
        try:
            with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
                remaining = entry.size
                while remaining and (block := file.read(min(remaining, BLOCK_BYTES))):
                    remaining -= len(block)
                    yield block
        except OSError as error:
            raise SourceChangedError("gone") from error
        yield from self.pad(remaining)

    def pad(self, count: int) -> Iterator[bytes]:
        if count:
            raise SourceChangedError("shrunk")
        return iter(())


class FollowsLinksSwappedIn(_WithoutVerification):
    pass


class PadsAFileThatHasShrunk(_WithoutVerification):
    def pad(self, count: int) -> Iterator[bytes]:
        yield bytes(count)


class PadsInRanges(_WithoutVerification):
    """Detects a truncated file in a whole download, but not in a range."""

    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        self.is_whole = byte_range == ByteRange(0, self.info.length or 0)
        return super().iter_range(byte_range)

    def pad(self, count: int) -> Iterator[bytes]:
        return super().pad(count) if self.is_whole else iter([bytes(count)])


class PassesOverEmptyFiles(PlainArchive):
    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        return super().content(reader, entry) if entry.size else iter(())


class DelaysTheError(PlainArchive):
    """Pads the archive to its length before it raises the error."""

    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        remaining = byte_range.length
        try:
            for chunk in super().iter_range(byte_range):
                remaining -= len(chunk)
                yield chunk
        except ArchiverError:
            while remaining:
                yield bytes(min(remaining, BLOCK_BYTES))
                remaining -= min(remaining, BLOCK_BYTES)
            raise


class NamesTheSource(PlainArchive):
    """Its error contains the name of the directory, which is secret."""

    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        source = self.manifest.source
        assert isinstance(source, LocalSource)
        try:
            yield from super().iter_range(byte_range)
        except ArchiverError as error:
            raise SourceChangedError(f"{os.fsdecode(source.name)}: {error}") from error


class EndsShortOnAChange(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        try:
            yield from super().iter_range(byte_range)
        except ArchiverError:
            return


class SkipsAFileThatHasChanged(PlainArchive):
    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        try:
            yield from reader.iter_blocks(entry, BLOCK_BYTES)
        except SourceChangedError:
            return


class RaisesAnotherError(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        try:
            yield from super().iter_range(byte_range)
        except ArchiverError as error:
            raise ValueError from error
