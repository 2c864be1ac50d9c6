"""Backends that work too early, ignore backpressure, block or leak, one error in each class."""

import asyncio
import subprocess
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, aclosing
from typing import IO, Any

from tests.backends.plain import Plain, PlainArchive
from tornado_archiver.backend import Archive, ByteRange
from tornado_archiver.source import Manifest

LEAKED = ExitStack()  # the leaked resources, which the test closes


def _sleep() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", "60"])
    LEAKED.callback(process.wait)
    LEAKED.callback(process.kill)
    return process


# Work at the wrong time


class StartsAProgramInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        _sleep()
        return await super().open(manifest)


class RunsAProgramInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        await asyncio.to_thread(subprocess.run, ["true"], check=True)
        return await super().open(manifest)


class OpensFilesInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        LEAKED.enter_context(manifest.source.reader())
        return await super().open(manifest)


class ReadsEverythingInOpen(Plain):
    async def open(self, manifest: Manifest) -> Archive:
        archive = PlainArchive(manifest)
        await asyncio.to_thread(lambda: sum(len(part) for part in archive.parts()))
        return archive


class ReadsEverythingFirst(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        yield from list(super().iter_range(byte_range))


class BlocksTheEventLoop(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        for chunk in self.iter_range(byte_range or ByteRange(0, self.info.length or 0)):
            yield chunk


class ReadsInTheEventLoop(PlainArchive):
    """Yields to the event loop between two blocking reads."""

    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        for chunk in self.iter_range(byte_range or ByteRange(0, self.info.length or 0)):
            await asyncio.sleep(0)
            yield chunk


class Hangs(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""


# Leaks


class _Leaks(PlainArchive):
    """Acquires a resource, and releases it only when packing succeeds."""

    def acquire(self) -> Any:
        raise NotImplementedError

    def release(self, resource: Any) -> None:
        raise NotImplementedError

    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        resource = self.acquire()
        async with aclosing(super().chunks(byte_range)) as chunks:
            async for chunk in chunks:
                yield chunk
        self.release(resource)


class LeaksADescriptor(_Leaks):
    def acquire(self) -> IO[bytes]:
        return LEAKED.enter_context(open("/dev/null", "rb"))

    def release(self, resource: IO[bytes]) -> None:
        resource.close()


class LeaksInRanges(LeaksADescriptor):
    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        return super().chunks(byte_range) if byte_range else PlainArchive.chunks(self)


class LeaksAProgram(_Leaks):
    def acquire(self) -> subprocess.Popen[bytes]:
        return _sleep()

    def release(self, resource: subprocess.Popen[bytes]) -> None:
        resource.kill()
        resource.wait()


class LeavesAZombie(_Leaks):
    def acquire(self) -> subprocess.Popen[bytes]:
        return _sleep()

    def release(self, resource: subprocess.Popen[bytes]) -> None:
        resource.kill()


class LeaksAThread(_Leaks):
    def acquire(self) -> threading.Event:
        end = threading.Event()
        LEAKED.callback(end.set)
        threading.Thread(target=end.wait, daemon=True).start()
        return end

    def release(self, resource: threading.Event) -> None:
        resource.set()


class LeaksATask(_Leaks):
    def acquire(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(asyncio.sleep(60))

    def release(self, resource: asyncio.Task[None]) -> None:
        resource.cancel()


class EndsWellWhenCancelled(PlainArchive):
    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        async with aclosing(super().chunks(byte_range)) as chunks:
            try:
                async for chunk in chunks:
                    yield chunk
            except asyncio.CancelledError:
                return
