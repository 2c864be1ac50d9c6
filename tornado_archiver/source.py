"""Where contents come from: a storage scans a directory, a source opens its files, a manifest lists them.

Rule: no `Path` and no descriptor in the signatures of Storage, Source and Reader, so that an object store can
implement them as well. Code that needs real files on a disk asks for `sources.local.storage.LocalSource`, and
raises an error when it gets another source.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from tornado_archiver.errors import SourceChangedError

MIN_CHUNK_BYTES = 64 * 1024  # for a client that does not keep up
MAX_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileSlice:
    """`prefix`, then the bytes of `fd` from `start` up to and without `stop`.

    The descriptor belongs to the archive and is open until the next chunk is asked for. Who sends the slice
    raises SourceChangedError when the file ends before `stop`.
    """

    prefix: bytes
    fd: int
    start: int
    stop: int

    def __len__(self) -> int:
        return len(self.prefix) + self.stop - self.start

    def split(self, max_bytes: int) -> Iterator[FileSlice]:
        """The same bytes as slices of at most `max_bytes` of the file, the head with the first of them."""
        prefix, start = self.prefix, self.start
        while True:
            stop = min(start + max_bytes, self.stop)
            yield FileSlice(prefix, self.fd, start, stop)
            prefix, start = b"", stop
            if start == self.stop:
                return

    def iter_blocks(self, max_bytes: int) -> Iterator[bytes]:
        """The same bytes, read in parts of at most `max_bytes`: for whoever cannot use the descriptor.
        Blocking, for worker threads."""
        yield self.prefix
        position = self.start
        while position < self.stop:
            part = os.pread(self.fd, min(max_bytes, self.stop - position), position)
            if not part:
                raise SourceChangedError("a file shrank while it was sent")
            yield part
            position += len(part)


Chunk = bytes | FileSlice


def bytes_held(chunk: Chunk) -> int:
    """How much memory the chunk takes; what a slice shows of a file takes none."""
    return len(chunk.prefix if isinstance(chunk, FileSlice) else chunk)


def read_chunk(chunk: Chunk) -> bytes:
    """The chunk's bytes, read at once. Blocking."""
    return chunk if isinstance(chunk, bytes) else b"".join(chunk.iter_blocks(1024 * 1024))


_FILE_ACCESS = stat.S_IRUSR | stat.S_IWUSR
_DIRECTORY_ACCESS = stat.S_IRWXU


class Entry(NamedTuple):
    """One regular file or one directory of the source.

    `member_name` is its name inside the archive: relative, parts joined by `/`, a trailing `/` on a
    directory, unique and portable (see `member_names`). `source_key` is its storage's own name for it,
    opaque to a backend. `size` is in bytes (0 for a directory), `mtime_ns` in nanoseconds since the epoch
    (may be negative), `mode` the permission bits alone (0o644), which let the owner read and change it.
    """

    member_name: str
    source_key: bytes
    size: int
    mtime_ns: int
    mode: int

    @property
    def is_directory(self) -> bool:
        return self.member_name.endswith("/")


def with_owner_access(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries with modes under which the user that unpacks them can use them.

    Without write access to a directory (0555 on a CD or a snapshot) many programs cannot unpack what is in
    it, and no user can delete it; a file of mode 0 (a share with access control lists) cannot be opened.
    """
    # without a call for the usual entry, because there are thousands before the first byte
    return tuple(
        [
            entry
            if entry.mode & _FILE_ACCESS == _FILE_ACCESS and entry.member_name[-1] != "/"
            else _with_access(entry)
            for entry in entries
        ]
    )


def _with_access(entry: Entry) -> Entry:
    mode = entry.mode | (_DIRECTORY_ACCESS if entry.is_directory else _FILE_ACCESS)
    return entry if mode == entry.mode else entry._replace(mode=mode)


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Manifest:
    """Compared by identity, so that facts about one can be kept for as long as it lives (`is_same` compares
    two). The entries in byte order of their member names, a directory before what is in it; and their source.

    `ctime_ns` is when anything of it last changed, in nanoseconds since the epoch, by a clock that nobody
    sets back: not the newest modification time, which an older file put in place of another leaves alone.
    None when no clock tells: what is in the archive may change without a change on the disk. Without
    `has_last_modified` it tells of what is there only: a link on the way may lead elsewhere tomorrow, to
    something older.
    """

    entries: tuple[Entry, ...]
    source: Source
    ctime_ns: int | None = 0
    has_last_modified: bool = True

    def is_same(self, other: Manifest) -> bool:
        """Whether the other one promises the same, of the same source at the same time."""
        return (self.source, self.ctime_ns, self.has_last_modified, self.entries) == (
            other.source,
            other.ctime_ns,
            other.has_last_modified,
            other.entries,
        )


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
