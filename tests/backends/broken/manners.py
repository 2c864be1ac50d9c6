"""Backends that work too early, too fast or too long, or leave something behind, each in its own way."""

import asyncio
import subprocess
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, aclosing
from typing import IO, Any

from tests.backends.plain import Plain, PlainArchive
from tornado_archiver.backend import Archive, ByteRange
from tornado_archiver.source import Manifest

LEFT_BEHIND = ExitStack()  # what broken ones leave behind; to be closed by the test


def _program() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(["sleep", "60"])
    LEFT_BEHIND.callback(process.wait)
    LEFT_BEHIND.callback(process.kill)
    return process


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


class ReadsInTheEventLoop(PlainArchive):
    """Lets the others have a turn between two waits for the disk."""

    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        for chunk in self.cut(byte_range or ByteRange(0, self.info.length or 0)):
            await asyncio.sleep(0)
            yield chunk


class Hangs(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""


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


class LeaksInRanges(LeaksADescriptor):
    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        return super().chunks(byte_range) if byte_range else PlainArchive.chunks(self)


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
