"""One shared scan for concurrent requests for the same directory."""

import asyncio
from weakref import WeakValueDictionary

from tornado_archiver.source import Manifest, Storage

# Each takes a thread of the worker, and downloads need threads too. The slots of downloads do not limit them,
# because a link is checked before it waits in the queue.
_MAX_SCANS = 16


class _Scan:
    """A pending or running scan. `waiters` is the number of requests that wait for it."""

    def __init__(self, task: asyncio.Task[Manifest]) -> None:
        self.task = task
        self.waiters = 0
        # the exception is retrieved, because asyncio logs it if all waiters have left before the scan fails
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


class SharedScanStorage(Storage):
    """A storage that scans another storage once for all requests that wait for the same directory.

    Such requests come from the connections of a download manager, or from many clients with one link. A
    request uses only a scan that starts after it, because an archive contains the files at the time of its
    request. While a scan of the directory is running, further requests wait for the next one. At most
    _MAX_SCANS directories are scanned at once.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._next: dict[str, _Scan] = {}  # pending scans by hash
        self._running = asyncio.Semaphore(_MAX_SCANS)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def scan(self, source_hash: str) -> Manifest:
        scan = self._next.get(source_hash)
        if scan is None:
            task = asyncio.create_task(self._scan_after_running(source_hash))
            scan = self._next[source_hash] = _Scan(task)
        scan.waiters += 1
        try:
            return await asyncio.shield(scan.task)
        finally:
            scan.waiters -= 1
            if not scan.waiters:
                self._cancel(source_hash, scan)

    def _cancel(self, source_hash: str, scan: _Scan) -> None:
        if self._next.get(source_hash) is scan:
            del self._next[source_hash]
        scan.task.cancel()

    async def _scan_after_running(self, source_hash: str) -> Manifest:
        lock = self._locks.setdefault(source_hash, asyncio.Lock())
        async with lock, self._running:
            del self._next[source_hash]
            return await self._storage.scan(source_hash)
