"""The base class of the conformance tests: the backend under test and an independent reader."""

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
    """The author of the backend defines `make_backend` and `extract`.

    `keeps_directory_times`: whether the format and its reader restore the times of directories.
    `time_limit_s`: the time after which a backend counts as hanging, in seconds for one archive.
    `memory_limit_bytes`: how much more memory a file of 128 MiB takes than one of 8 MiB, at most.
    """

    keeps_directory_times = True
    time_limit_s: float = 300
    memory_limit_bytes = 48 * 1024 * 1024

    def make_backend(self) -> Backend:
        """Return a new instance, created like in the service."""
        raise NotImplementedError("define make_backend(self): it returns a new instance of your backend")

    def extract(self, archive: Path, into: Path) -> None:
        """Unpack with an independent reader, including modes and times. Raise if it reports an error."""
        raise NotImplementedError(
            "define extract(self, archive, into): it unpacks with an independent program"
        )

    def run(self, root: Path, use: Callable[[Archive], Coroutine[Any, Any, Result]]) -> Result:
        """Return the result of `use` for an archive of the directory, in a new event loop."""

        async def with_archive() -> Result:
            return await use(await self.make_backend().open(await trees.manifest_of(root)))

        return self.run_async(with_archive())

    def run_async(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of `work` in a new event loop. Fail after `time_limit_s`."""

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
        source_filter: SourceFilter | None = None,
        *,
        times: bool = True,
    ) -> None:
        """Fail if the members that `extract` unpacks from `data` differ from the directory."""
        manifest = asyncio.run(trees.manifest_of(root, source_filter))
        into.mkdir()
        archive = into.with_suffix(self.make_backend().extension)
        archive.write_bytes(data)
        self.extract(archive, into)
        directory_times = self.keeps_directory_times
        expected = promised(manifest, directory_times=directory_times)
        problems = differences(expected, unpacked(into, directory_times=directory_times), times=times)
        assert not problems, "\n".join(problems)


async def chunks_of(archive: Archive, byte_range: ByteRange | None = None) -> list[bytes]:
    async with aclosing(archive.chunks(byte_range)) as chunks:
        return [read_chunk(chunk) async for chunk in chunks]


async def whole(archive: Archive) -> bytes:
    return b"".join(await chunks_of(archive))
