"""Where contents come from: a storage gives a source for a hash, a source gives the content of an entry.

Rule: no `Path` and no descriptor in these signatures, so that an object store can stand here as well.
What needs real files on a disk asks for a `local_storage.LocalSource` and says so when it gets another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tornado_archiver.chunks import Chunk

if TYPE_CHECKING:
    from tornado_archiver.manifest import Entry, Manifest


class Storage(ABC):
    """All the directories that links can name."""

    @abstractmethod
    async def scan(self, source_hash: str) -> Manifest:
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
    def iter_blocks(self, entry: Entry, max_bytes: int) -> Iterator[memoryview]:
        """The content of a file entry in blocks of 1 to `max_bytes` bytes, exactly `entry.size` in all.

        A block is valid until the next one is asked for: the buffer behind it is used again. Raises
        SourceChangedError as soon as the content can no longer be what the entry says, at the latest
        in place of the end; raises SourceUnreadableError when it may not or cannot be read.
        """

    @abstractmethod
    def read_all(self, entry: Entry) -> bytes:
        """The whole content of a small file entry. Raises as `iter_blocks` does."""

    @abstractmethod
    def open_file(self, entry: Entry) -> SourceFile:
        """The content of a file entry, opened; the caller closes it. Raises as `iter_blocks` does."""

    @abstractmethod
    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        """Raise SourceChangedError or SourceUnreadableError unless every entry is as it was walked, and none
        has changed later than `changed_ns`, the manifest's."""


class SourceFile(ABC):
    """The open content of one file entry. Blocking: for worker threads only."""

    cache_key: Hashable  # another one whenever the content may be another one
    is_cached: bool = True  # whether `slice` can give a slice of any size: what is read stays in memory

    @abstractmethod
    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to and without `stop`, all of them. Raises as `Reader.blocks` does."""

    @abstractmethod
    def slice(self, head: bytes, start: int, stop: int) -> Chunk:
        """`head`, then the bytes from `start` up to and without `stop`, ready to be sent without a wait for
        the disk; good until `close`."""

    @abstractmethod
    def verify(self) -> None:
        """Raise SourceChangedError unless the content is still what the entry says."""

    @abstractmethod
    def close(self) -> None:
        """Safe to call twice."""
