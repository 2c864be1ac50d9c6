"""Backends that pack what they should not, each in its own way, of a source that has changed as well."""

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
    """A block is valid until the next one is asked for, and this one hands it out after that."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        yield from list(reader.iter_blocks(entry, BLOCK_BYTES))


class ForgetsTimes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(mtime_ns=entry.mtime_ns + 10**9))


class ForgetsModes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(mode=0o755 if entry.is_directory else 0o644))


class StumblesOverNames(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(member_name=entry.member_name.strip()))


class StumblesOverTimes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        struct.pack("<L", entry.mtime_ns // 10**9)
        return super().header(entry)


class EndsBeforeTheLastChunk(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        held = b""
        for chunk in super().cut(wanted):
            yield held
            held = chunk


class SharesState(PlainArchive):
    """All archives are of the directory that was opened last."""

    last: ClassVar[Manifest]

    def __init__(self, manifest: Manifest) -> None:
        SharesState.last = manifest
        super().__init__(manifest)

    def pieces(self) -> Iterator[bytes | memoryview]:
        return PlainArchive(self.last).pieces()


# What it makes of a source that has changed


class _Trusting(PlainArchive):
    """Opens by path and compares nothing, as most packers do."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        source = self.manifest.source
        assert isinstance(source, LocalSource)
        path = os.path.join(source.root, source.name, entry.source_key)
        try:
            with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
                left = entry.size
                while left and (block := file.read(min(left, BLOCK_BYTES))):
                    left -= len(block)
                    yield block
        except OSError as error:
            raise SourceChangedError("gone") from error
        yield from self.missing(left)

    def missing(self, count: int) -> Iterator[bytes]:
        if count:
            raise SourceChangedError("shrunk")
        return iter(())


class FollowsLinksSwappedIn(_Trusting):
    pass


class PadsAFileThatHasShrunk(_Trusting):
    def missing(self, count: int) -> Iterator[bytes]:
        yield bytes(count)


class PadsInRanges(_Trusting):
    """Checks what it sends, but not when a download is resumed."""

    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        self.is_whole = wanted == ByteRange(0, self.info.length or 0)
        return super().cut(wanted)

    def missing(self, count: int) -> Iterator[bytes]:
        return super().missing(count) if self.is_whole else iter([bytes(count)])


class PassesOverEmptyFiles(PlainArchive):
    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        return super().content(reader, entry) if entry.size else iter(())


class DelaysTheError(PlainArchive):
    """Fills up all that was promised before it says that it is wrong."""

    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        left = wanted.stop - wanted.start
        try:
            for chunk in super().cut(wanted):
                left -= len(chunk)
                yield chunk
        except ArchiverError:
            while left:
                yield bytes(min(left, BLOCK_BYTES))
                left -= min(left, BLOCK_BYTES)
            raise


class TellsTheSource(PlainArchive):
    """Names the directory, and with it the key to it."""

    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        source = self.manifest.source
        assert isinstance(source, LocalSource)
        try:
            yield from super().cut(wanted)
        except ArchiverError as error:
            raise SourceChangedError(f"{os.fsdecode(source.name)}: {error}") from error


class EndsShortOnAChange(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        try:
            yield from super().cut(wanted)
        except ArchiverError:
            return


class SkipsAFileThatHasChanged(PlainArchive):
    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        try:
            yield from reader.iter_blocks(entry, BLOCK_BYTES)
        except SourceChangedError:
            return


class RaisesAnErrorOfItsOwn(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        try:
            yield from super().cut(wanted)
        except ArchiverError as error:
            raise ValueError from error
