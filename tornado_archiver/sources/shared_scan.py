"""One scan for the requests that wait for the same directory at the same time."""

import asyncio
from weakref import WeakValueDictionary

from tornado_archiver.source import Manifest, Storage


class _Scan:
    """One that has not begun, or is under way. `waiters`: how many requests wait for it."""

    def __init__(self, task: "asyncio.Task[Manifest]") -> None:
        self.task = task
        self.waiters = 0
        # An error that comes when all of them have gone is not of interest.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


class SharedScanStorage(Storage):
    """Another storage, scanned once for all requests that share a wait: the connections of a download
    manager, or many clients of one link.

    A request takes part in a scan only if that begins after the request came, because an archive is of what
    is there when it is asked for. While a scan of the directory is under way, further requests wait for the
    next one.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._next: dict[str, _Scan] = {}  # those that have not begun, by hash
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def scan(self, source_hash: str) -> Manifest:
        scan = self._next.get(source_hash)
        if scan is None:
            task = asyncio.create_task(self._scanned(source_hash))
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

    async def _scanned(self, source_hash: str) -> Manifest:
        lock = self._locks.setdefault(source_hash, asyncio.Lock())
        async with lock:
            del self._next[source_hash]
            return await self._storage.scan(source_hash)
