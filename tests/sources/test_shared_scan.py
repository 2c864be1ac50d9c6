"""Shared scans: concurrent requests for one directory share a scan that starts after them."""

import asyncio

import pytest

from tests.helpers.memory_storage import entry, manifest_of
from tornado_archiver.errors import SourceNotFoundError
from tornado_archiver.source import Manifest, Storage
from tornado_archiver.sources.shared_scan import SharedScanStorage


class ControlledStorage(Storage):
    """Records the hashes of its scans; each scan ends after `release` is set."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.cancelled = 0
        self.release = asyncio.Event()

    async def scan(self, source_hash: str) -> Manifest:
        self.started.append(source_hash)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if source_hash == "unknown":
            raise SourceNotFoundError("there is no such directory")
        return manifest_of(entry(f"{len(self.started)}.jpg"))


async def run_pending_callbacks() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_concurrent_requests_share_one_scan() -> None:
    async def main() -> None:
        inner = ControlledStorage()
        storage = SharedScanStorage(inner)
        scans = [asyncio.ensure_future(storage.scan("album")) for _ in range(100)]
        other = asyncio.ensure_future(storage.scan("other"))
        await run_pending_callbacks()
        assert inner.started == ["album", "other"]
        inner.release.set()
        assert len({id(manifest) for manifest in await asyncio.gather(*scans)}) == 1
        await other

    asyncio.run(main())


def test_sixteen_directories_are_scanned_at_once() -> None:
    """Each scan blocks a thread of the worker, and running downloads need threads too."""

    async def main() -> None:
        inner = ControlledStorage()
        storage = SharedScanStorage(inner)
        scans = [asyncio.ensure_future(storage.scan(f"album{number}")) for number in range(40)]
        await run_pending_callbacks()
        assert len(inner.started) == 16
        inner.release.set()
        await asyncio.gather(*scans)
        assert len(inner.started) == 40

    asyncio.run(main())


def test_request_during_scan_waits_for_the_next_scan() -> None:
    """So its archive contains the files that were added after the first scan started."""

    async def main() -> None:
        inner = ControlledStorage()
        storage = SharedScanStorage(inner)
        first = asyncio.ensure_future(storage.scan("album"))
        await run_pending_callbacks()
        late = [asyncio.ensure_future(storage.scan("album")) for _ in range(2)]
        await run_pending_callbacks()
        assert inner.started == ["album"]
        inner.release.set()
        assert await first is not await late[0]
        assert await late[0] is await late[1]
        assert inner.started == ["album", "album"]

    asyncio.run(main())


def test_cancelled_request_does_not_cancel_scan_of_others() -> None:
    async def main() -> None:
        inner = ControlledStorage()
        storage = SharedScanStorage(inner)
        first, second = (asyncio.ensure_future(storage.scan("album")) for _ in range(2))
        await run_pending_callbacks()
        first.cancel()
        await run_pending_callbacks()
        assert not inner.cancelled
        inner.release.set()
        assert await second
        assert first.cancelled()

    asyncio.run(main())


@pytest.mark.parametrize("is_pending", [False, True], ids=["running", "pending"])
def test_scan_without_waiting_request_is_cancelled(is_pending: bool) -> None:
    async def main() -> None:
        inner = ControlledStorage()
        storage = SharedScanStorage(inner)
        first = asyncio.ensure_future(storage.scan("album"))
        await run_pending_callbacks()
        last = asyncio.ensure_future(storage.scan("album")) if is_pending else first
        await run_pending_callbacks()
        last.cancel()
        await run_pending_callbacks()
        assert inner.cancelled == (not is_pending)
        inner.release.set()
        assert await storage.scan("album")
        assert len(inner.started) == 2

    asyncio.run(main())


def test_scan_error_reaches_every_request() -> None:
    async def main() -> None:
        inner = ControlledStorage()
        inner.release.set()
        storage = SharedScanStorage(inner)
        errors = await asyncio.gather(*(storage.scan("unknown") for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in errors] == [SourceNotFoundError] * 3

    asyncio.run(main())
