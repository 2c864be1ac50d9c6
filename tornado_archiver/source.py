"""Sources: the interfaces of storages, their manifests and entries, and the chunks read from their files.

A Storage scans a directory and returns a Manifest. The Source of the manifest opens a Reader, and the reader
opens the files of the entries.

Rule: the signatures of Storage, Source and Reader contain neither `Path` nor descriptors, so that an object
store can implement them. Code that needs files on a disk requires a `sources.local.storage.LocalSource`, and
raises an error for any other source.
"""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Self

from tornado_archiver.errors import SourceChangedError

MIN_CHUNK_BYTES = 64 * 1024  # for a client that is slower than the disk
MAX_CHUNK_BYTES = 1024 * 1024

_FILE_ACCESS = stat.S_IRUSR | stat.S_IWUSR
_DIRECTORY_ACCESS = stat.S_IRWXU


# Chunks


@dataclass(frozen=True, slots=True)
class FileSlice:
    """`prefix`, followed by the bytes `start` to `stop` (exclusive) of the open file `fd`.

    The archive owns the descriptor and keeps it open until the next chunk is requested. The sender of the
    slice raises SourceChangedError if the file ends before `stop`.
    """

    prefix: bytes
    fd: int
    start: int
    stop: int

    def __len__(self) -> int:
        return len(self.prefix) + self.stop - self.start

    def split(self, max_bytes: int) -> Iterator[Self]:
        """Yield the same bytes as slices of at most `max_bytes`, the bytes of the prefix included."""
        prefix, start = self.prefix, self.start
        while True:
            stop = min(start + max(0, max_bytes - len(prefix)), self.stop)
            yield type(self)(prefix[:max_bytes], self.fd, start, stop)
            prefix, start = prefix[max_bytes:], stop
            if start == self.stop and not prefix:
                return

    def iter_blocks(self, max_bytes: int) -> Iterator[bytes]:
        """Yield the prefix, then the bytes of the file in blocks of at most `max_bytes`.

        For a consumer that cannot use the descriptor. Blocking: for worker threads only.
        """
        yield self.prefix
        position = self.start
        while position < self.stop:
            block = os.pread(self.fd, min(max_bytes, self.stop - position), position)
            if not block:
                raise SourceChangedError("a file shrank while it was sent")
            yield block
            position += len(block)


Chunk = bytes | FileSlice


def bytes_held(chunk: Chunk) -> int:
    """Return the memory that the chunk uses, in bytes; the file part of a slice uses none."""
    return len(chunk.prefix if isinstance(chunk, FileSlice) else chunk)


def read_chunk(chunk: Chunk) -> bytes:
    """Return the bytes of the chunk. Blocking."""
    return chunk if isinstance(chunk, bytes) else b"".join(chunk.iter_blocks(1024 * 1024))


# Entries


class Entry(NamedTuple):
    """One regular file or one directory of a source.

    `member_name` is its name in the archive: relative, parts joined by `/`, a trailing `/` for a directory,
    unique and portable (see `member_names`). `source_key` is its name in the storage, opaque to a backend.
    `size` is in bytes (0 for a directory), `mtime_ns` in nanoseconds since the epoch (may be negative).
    `mode` is the permission bits only (0o644), with read and write access for the owner.
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
    """Return the entries with modes that let the user that unpacks them use them.

    Without write access to a directory (0555 on a CD or a snapshot) many programs cannot unpack the files in
    it, and no user can delete it. A file of mode 0 (a share with access control lists) cannot be opened.
    """
    # inlined for the usual entry, because there are thousands of entries before the first byte
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


# Sources


class SourceFile(ABC):
    """The open file of one entry. Blocking: for worker threads only.

    `cache_key` identifies the content: it changes whenever the content may have changed. `is_cached`: whether
    data that was read stays in memory (in the page cache), so that `slice` can return slices of any size.
    """

    cache_key: Hashable
    is_cached: bool = True

    @abstractmethod
    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes `start` to `stop` (exclusive), all of them. Raise like `Reader.iter_blocks`."""

    @abstractmethod
    def slice(self, prefix: bytes, start: int, stop: int) -> Chunk:
        """Return `prefix` and the bytes `start` to `stop` (exclusive), which can be sent without waiting for
        the disk. The chunk is valid until `close`."""

    @abstractmethod
    def verify(self) -> None:
        """Raise SourceChangedError if the content differs from the entry."""

    @abstractmethod
    def close(self) -> None:
        """Close the file. A second call has no effect."""


class Reader(ABC):
    """Reads entries, one after another, in one thread at a time. Blocking: for worker threads only."""

    @abstractmethod
    def iter_blocks(self, entry: Entry, max_bytes: int) -> Iterator[memoryview]:
        """Yield the content of a file entry in blocks of 1 to `max_bytes` bytes, `entry.size` bytes in total.

        A block is valid until the next one is requested, because its buffer is reused. Raise
        SourceChangedError as soon as the content differs from the entry, at the latest after the last block.
        Raise SourceUnreadableError if reading fails or is not permitted.
        """

    @abstractmethod
    def read_all(self, entry: Entry) -> bytes:
        """Return the whole content of a small file entry. Raise like `iter_blocks`."""

    @abstractmethod
    def open_file(self, entry: Entry) -> SourceFile:
        """Open a file entry; the caller closes it. Raise like `iter_blocks`."""

    @abstractmethod
    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        """Raise SourceChangedError or SourceUnreadableError unless every entry is unchanged since the scan.

        With `changed_ns`, the `ctime_ns` of the manifest, also raise for a file with a later ctime.
        """


class Source(ABC):
    """One directory of a storage. It holds no open files; its readers do."""

    @abstractmethod
    def reader(self) -> AbstractContextManager[Reader]:
        """Return a reader for one pass over the contents. Blocking: for worker threads only."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Manifest:
    """The entries of one request in byte order of their member names, and their source.

    Compared by identity, so that facts can be cached for the lifetime of a manifest; `is_same` compares
    the content. A directory precedes its entries.

    `ctime_ns` is the time of the last change, in nanoseconds since the epoch, by the clock of the file
    system, which programs cannot set back. The newest modification time does not suffice, because an older
    file that replaces another does not advance it. None if no clock covers all that determines the archive.
    `has_last_modified` is False if `ctime_ns` covers the entries but not the path to them: a symlink can
    point to an older target later. `report_name` is the member name of the report of unreadable files, which
    every part of the manifest has to contain; "" without one.
    """

    entries: tuple[Entry, ...]
    source: Source
    ctime_ns: int | None = 0
    has_last_modified: bool = True
    report_name: str = ""

    def is_same(self, other: Self) -> bool:
        """Return whether both manifests list the same entries of the same source at the same time."""
        return (self.source, self.ctime_ns, self.has_last_modified, self.entries) == (
            other.source,
            other.ctime_ns,
            other.has_last_modified,
            other.entries,
        )


class Storage(ABC):
    """The directories that links can name."""

    @abstractmethod
    async def scan(self, source_hash: str) -> Manifest:
        """Scan the directory `source_hash` and return the manifest of its archive.

        Raise SourceNotFoundError (also for an empty manifest, and for a hash that is not a valid name),
        SourceUnreadableError or StorageUnavailableError.
        """
