"""Where contents come from: a storage gives a source for a hash, a source gives the content of an entry.

Rule: no `Path` and no descriptor in these signatures, so that an object store can stand here as well.
What needs real files on a disk asks for a `local_storage.LocalSource` and says so when it gets another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tornado_archiver.manifest import Entry, Manifest


class Storage(ABC):
    """All the directories that links can name."""

    @abstractmethod
    async def manifest(self, source_hash: str) -> Manifest:
        """Walk the directory that `source_hash` names and settle what will be packed.

        Raises SourceNotFoundError (also for a directory with nothing to pack, and for a hash that cannot
        be one), SourceUnreadableError, StorageUnavailableError.
        """


class Source(ABC):
    """One directory of a storage. Holds nothing open; a reader does."""

    @abstractmethod
    def reader(self) -> AbstractContextManager[Reader]:
        """A reader for one pass over the contents. Blocking: for worker threads only."""


class Reader(ABC):
    """Reads entries, one after the other, from one thread at a time. Blocking: for worker threads only."""

    @abstractmethod
    def blocks(self, entry: Entry, max_bytes: int) -> Iterator[memoryview]:
        """The content of a file entry in blocks of 1 to `max_bytes` bytes, exactly `entry.size` in all.

        A block is valid until the next one is asked for: the buffer behind it is used again. Raises
        SourceChangedError as soon as the content can no longer be what the entry says, at the latest
        in place of the end; raises SourceUnreadableError when it may not or cannot be read.
        """

    @abstractmethod
    def verify(self, entries: Iterable[Entry]) -> None:
        """Raise SourceChangedError or SourceUnreadableError unless every entry is as it was walked."""
