"""Requests for one directory that come at the same time: scanned once, and never too early."""

import asyncio

import pytest

from tests.helpers.memory_storage import entry, manifest_of
from tornado_archiver.errors import SourceNotFoundError
from tornado_archiver.source import Manifest, Storage
from tornado_archiver.sources.shared_scan import SharedScanStorage


class Scanned(Storage):
    """Notes what it was asked for; each scan ends when `go_on` is set."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled = 0
        self.go_on = asyncio.Event()

    async def scan(self, source_hash: str) -> Manifest:
        self.begun.append(source_hash)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if source_hash == "unknown":
            raise SourceNotFoundError("there is none")
        return manifest_of(entry(f"{len(self.begun)}.jpg"))


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_requests_that_come_together_share_one_scan() -> None:
    async def main() -> None:
        inner = Scanned()
        storage = SharedScanStorage(inner)
        asked = [asyncio.ensure_future(storage.scan("album")) for _ in range(100)]
        other = asyncio.ensure_future(storage.scan("other"))
        await settled()
        assert inner.begun == ["album", "other"]
        inner.go_on.set()
        assert len({id(manifest) for manifest in await asyncio.gather(*asked)}) == 1
        await other

    asyncio.run(main())


def test_request_that_comes_during_a_scan_waits_for_the_next() -> None:
    """What was put into the directory since the scan began is in its archive."""

    async def main() -> None:
        inner = Scanned()
        storage = SharedScanStorage(inner)
        first = asyncio.ensure_future(storage.scan("album"))
        await settled()
        late = [asyncio.ensure_future(storage.scan("album")) for _ in range(2)]
        await settled()
        assert inner.begun == ["album"]
        inner.go_on.set()
        assert await first is not await late[0]
        assert await late[0] is await late[1]
        assert inner.begun == ["album", "album"]

    asyncio.run(main())


def test_request_that_leaves_stops_no_scan_of_others() -> None:
    async def main() -> None:
        inner = Scanned()
        storage = SharedScanStorage(inner)
        first, second = (asyncio.ensure_future(storage.scan("album")) for _ in range(2))
        await settled()
        first.cancel()
        await settled()
        assert not inner.cancelled
        inner.go_on.set()
        assert await second
        assert first.cancelled()

    asyncio.run(main())


@pytest.mark.parametrize("waits", [False, True], ids=["under way", "waiting"])
def test_scan_that_no_request_waits_for_is_stopped(waits: bool) -> None:
    async def main() -> None:
        inner = Scanned()
        storage = SharedScanStorage(inner)
        first = asyncio.ensure_future(storage.scan("album"))
        await settled()
        gone = asyncio.ensure_future(storage.scan("album")) if waits else first
        await settled()
        gone.cancel()
        await settled()
        assert inner.cancelled == (not waits)
        inner.go_on.set()
        assert await storage.scan("album")
        assert len(inner.begun) == 2

    asyncio.run(main())


def test_error_reaches_every_request() -> None:
    async def main() -> None:
        inner = Scanned()
        inner.go_on.set()
        storage = SharedScanStorage(inner)
        asked = await asyncio.gather(*(storage.scan("unknown") for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in asked] == [SourceNotFoundError] * 3

    asyncio.run(main())
