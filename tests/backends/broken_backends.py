"""A correct backend, small enough to be seen through, and what can be wrong with one, each on purpose.

`Plain` is uncompressed tar: planned, so that it has a length, an etag and ranges. Every class that derives
from it breaks one promise.
"""

import asyncio
import hashlib
import os
import subprocess
import tarfile
import threading
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import ExitStack, aclosing
from typing import IO, Any, ClassVar

from tornado_archiver.backend import Archive, ArchiveInfo, Backend, BackendOptions, ByteRange
from tornado_archiver.errors import ArchiverError, BackendUnavailableError, SourceChangedError
from tornado_archiver.local_storage import LocalSource
from tornado_archiver.manifest import Entry, Manifest
from tornado_archiver.storage import Reader
from tornado_archiver.threads import pulled

BLOCK_BYTES = 256 * 1024
END = bytes(2 * tarfile.BLOCKSIZE)


class PlainArchive(Archive):
    """The pieces are settled first: a header, a content, its padding, entry by entry."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.headers = [self.header(entry) for entry in self.entries()]
        length = sum(map(len, self.headers)) + sum(map(_padded, self.entries())) + len(END)
        newest_ns = max(entry.mtime_ns for entry in self.entries())
        self.info = ArchiveInfo(length, self.etag(), -(-newest_ns // 10**9))

    def entries(self) -> Sequence[Entry]:
        return self.manifest.entries

    def etag(self) -> str:
        plan = hashlib.sha256(b"".join(self.headers))
        plan.update(repr([(entry.source_name, entry.mtime_ns) for entry in self.entries()]).encode())
        return plan.hexdigest()

    def header(self, entry: Entry) -> bytes:
        info = tarfile.TarInfo(entry.member_name)
        info.type = tarfile.DIRTYPE if entry.is_directory else tarfile.REGTYPE
        info.size, info.mode, info.mtime = entry.size, entry.mode, entry.mtime_ns // 10**9
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")

    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        return pulled(self.cut(byte_range or ByteRange(0, self.info.length or 0)))

    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        """The wanted bytes of the pieces; blocking."""
        position = 0
        for piece in self.pieces():
            start, stop = max(wanted.start - position, 0), min(wanted.stop - position, len(piece))
            position += len(piece)
            if start < stop:
                yield bytes(piece[start:stop])

    def pieces(self) -> Iterator[bytes | memoryview]:
        with self.manifest.source.reader() as reader:
            for entry, header in zip(self.entries(), self.headers, strict=True):
                yield header
                if not entry.is_directory:
                    yield from self.content(reader, entry)
                    yield bytes(-entry.size % tarfile.BLOCKSIZE)
        yield END

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        return reader.blocks(entry, BLOCK_BYTES)


def _padded(entry: Entry) -> int:
    return entry.size + -entry.size % tarfile.BLOCKSIZE


class Plain(Backend):
    name: ClassVar[str] = "plain"
    media_type: ClassVar[str] = "application/x-tar"
    suffix: ClassVar[str] = ".tar"

    archive: ClassVar[type[PlainArchive]] = PlainArchive

    async def open(self, manifest: Manifest) -> Archive:
        return self.archive(manifest)


def backend_of(broken: type[Plain] | type[PlainArchive]) -> Backend:
    """The broken backend itself, or the correct one with archives that are broken."""
    if issubclass(broken, Plain):
        return broken(BackendOptions())
    made: type[Plain] = type(broken.__name__, (Plain,), {"archive": broken})
    return made(BackendOptions())


LEFT_BEHIND = ExitStack()  # what broken ones leave behind; to be closed by the test


def _program() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(["sleep", "60"])
    LEFT_BEHIND.callback(process.wait)
    LEFT_BEHIND.callback(process.kill)
    return process


# What is in the archive


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
        for number, block in enumerate(reader.blocks(entry, BLOCK_BYTES)):
            yield block if number != 3 else bytes([block[0] ^ 1]) + bytes(block[1:])


class KeepsABlockTooLong(PlainArchive):
    """A block is valid until the next one is asked for, and this one hands it out after that."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        yield from list(reader.blocks(entry, BLOCK_BYTES))


class ForgetsTimes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(mtime_ns=entry.mtime_ns + 10**9))


class ForgetsModes(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(mode=0o755 if entry.is_directory else 0o644))


class StumblesOverNames(PlainArchive):
    def header(self, entry: Entry) -> bytes:
        return super().header(entry._replace(member_name=entry.member_name.strip()))


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


class TagWithoutModes(_TagOf):
    def of(self, entry: Entry) -> object:
        return entry.member_name, entry.size, entry.mtime_ns


class TagWithoutNames(_TagOf):
    def of(self, entry: Entry) -> object:
        return entry.size, entry.mtime_ns, entry.mode


class TagInQuotes(PlainArchive):
    def etag(self) -> str:
        return f'"{super().etag()}"'


class SaysItIsOlder(PlainArchive):
    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.info = ArchiveInfo(last_modified=(self.info.last_modified or 0) - 86_400)


# What it says of itself


class BadName(Plain):
    name = "Plain Tar"


class BadMediaType(Plain):
    media_type = "tar"


class BadSuffix(Plain):
    suffix = "tar"


class CannotWork(Plain):
    async def check(self) -> None:
        raise BackendUnavailableError("it needs something that nobody has")


# What it does too early, too fast or too long


class StartsAProgramInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        _program()
        return await super().open(manifest)


class RunsAProgramInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        await asyncio.to_thread(subprocess.run, ["true"], check=True)
        return await super().open(manifest)


class OpensFilesInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        LEFT_BEHIND.enter_context(manifest.source.reader())
        return await super().open(manifest)


class ReadsEverythingInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        archive = PlainArchive(manifest)
        await asyncio.to_thread(lambda: sum(len(piece) for piece in archive.pieces()))
        return archive


class ReadsEverythingFirst(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        yield from list(super().cut(wanted))


class BlocksTheEventLoop(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        for chunk in self.cut(byte_range or ByteRange(0, self.info.length or 0)):
            yield chunk


# What it leaves behind


class _Leaks(PlainArchive):
    """Takes something for the time of the packing, and gives it back only when all has gone well."""

    def take(self) -> Any:
        raise NotImplementedError

    def give_back(self, taken: Any) -> None:
        raise NotImplementedError

    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        taken = self.take()
        async with aclosing(super().chunks(byte_range)) as chunks:
            async for chunk in chunks:
                yield chunk
        self.give_back(taken)


class LeaksADescriptor(_Leaks):
    def take(self) -> IO[bytes]:
        return LEFT_BEHIND.enter_context(open("/dev/null", "rb"))

    def give_back(self, taken: IO[bytes]) -> None:
        taken.close()


class LeaksAProgram(_Leaks):
    def take(self) -> "subprocess.Popen[bytes]":
        return _program()

    def give_back(self, taken: "subprocess.Popen[bytes]") -> None:
        taken.kill()
        taken.wait()


class LeavesAZombie(_Leaks):
    def take(self) -> "subprocess.Popen[bytes]":
        return _program()

    def give_back(self, taken: "subprocess.Popen[bytes]") -> None:
        taken.kill()


class LeaksAThread(_Leaks):
    def take(self) -> threading.Event:
        end = threading.Event()
        LEFT_BEHIND.callback(end.set)
        threading.Thread(target=end.wait, daemon=True).start()
        return end

    def give_back(self, taken: threading.Event) -> None:
        taken.set()


class LeaksATask(_Leaks):
    def take(self) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(asyncio.sleep(60))

    def give_back(self, taken: "asyncio.Task[None]") -> None:
        taken.cancel()


class EndsWellWhenCancelled(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        async with aclosing(super().chunks(byte_range)) as chunks:
            try:
                async for chunk in chunks:
                    yield chunk
            except asyncio.CancelledError:
                return


# What it makes of a source that has changed


class _Trusting(PlainArchive):
    """Opens by path and compares nothing, as most packers do."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        source = self.manifest.source
        assert isinstance(source, LocalSource)
        path = os.path.join(source.root, source.name, entry.source_name)
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


class EndsShortOnAChange(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        try:
            yield from super().cut(wanted)
        except ArchiverError:
            return


class SkipsAFileThatHasChanged(PlainArchive):
    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        try:
            yield from reader.blocks(entry, BLOCK_BYTES)
        except SourceChangedError:
            return


class RaisesAnErrorOfItsOwn(PlainArchive):
    def cut(self, wanted: ByteRange) -> Generator[bytes, None, None]:
        try:
            yield from super().cut(wanted)
        except ArchiverError as error:
            raise ValueError from error
