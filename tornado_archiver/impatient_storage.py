"""Gives up on a storage that does not answer."""

import asyncio

from tornado_archiver.errors import StorageUnavailableError
from tornado_archiver.source import Manifest, Storage


class ImpatientStorage(Storage):
    """Another storage, as long as a walk takes no longer than `patience_s` seconds; 0 waits for ever.

    The scan stops then. Only a thread that hangs, on a mount whose server is gone, hangs on.
    """

    def __init__(self, storage: Storage, patience_s: float) -> None:
        self._storage = storage
        self._patience_s = patience_s

    async def scan(self, source_hash: str) -> Manifest:
        try:
            async with asyncio.timeout(self._patience_s or None):
                return await self._storage.scan(source_hash)
        except TimeoutError:
            raise StorageUnavailableError(
                f"the directory could not be looked through within {self._patience_s:g} s"
            ) from None
