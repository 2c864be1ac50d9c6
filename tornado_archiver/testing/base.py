"""What the parts of the suite have in common: a backend to try, and somebody else's reader."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

from tornado_archiver.backend import Archive, Backend, ByteRange
from tornado_archiver.source import read_chunk
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.testing import trees
from tornado_archiver.testing.members import differences, promised, unpacked

Result = TypeVar("Result")


class ConformanceBase:
    """`make_backend` and `extract` are for the author of the backend."""

    keeps_directory_times = True  # whether the format and its extractor give directories their time back
    time_limit_s: float = 300  # for one archive, in seconds; a backend that needs more hangs

    def make_backend(self) -> Backend:
        """A new instance, as the service would make it."""
        raise NotImplementedError("define make_backend(self): it returns a new instance of your backend")

    def extract(self, archive: Path, into: Path) -> None:
        """Unpack with somebody else's reader, modes and times included; raise when it complains."""
        raise NotImplementedError("define extract(self, archive, into): it unpacks with another's program")

    def run(self, root: Path, use: Callable[[Archive], Coroutine[Any, Any, Result]]) -> Result:
        """What `use` makes of an archive of the directory, in an event loop of its own."""

        async def with_archive() -> Result:
            return await use(await self.make_backend().open(await trees.manifest_of(root)))

        return self.run_async(with_archive())

    def run_async(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` comes to, in an event loop of its own; who hangs fails."""

        async def limited() -> Result:
            try:
                async with asyncio.timeout(self.time_limit_s) as limit:
                    return await work
            except TimeoutError:
                assert not limit.expired(), f"it hangs: this took more than {self.time_limit_s} seconds"
                raise

        return asyncio.run(limited())

    def compare(
        self,
        root: Path,
        data: bytes,
        into: Path,
        selection: SourceFilter | None = None,
        *,
        times: bool = True,
    ) -> None:
        """Hold what somebody else's reader finds in `data` against the directory."""
        manifest = asyncio.run(trees.manifest_of(root, selection))
        into.mkdir()
        archive = into.with_suffix(self.make_backend().extension)
        archive.write_bytes(data)
        self.extract(archive, into)
        of_directories = self.keeps_directory_times
        expected = promised(manifest, directory_times=of_directories)
        told = differences(expected, unpacked(into, directory_times=of_directories), times=times)
        assert not told, "\n".join(told)


async def chunks_of(archive: Archive, byte_range: ByteRange | None = None) -> list[bytes]:
    async with aclosing(archive.chunks(byte_range)) as chunks:
        return [read_chunk(chunk) async for chunk in chunks]


async def whole(archive: Archive) -> bytes:
    return b"".join(await chunks_of(archive))
