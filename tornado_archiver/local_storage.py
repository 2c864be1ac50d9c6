"""The photos root: directories on a local disk, one for each hash."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from tornado_archiver.beneath import (
    OpenDirectories,
    followed,
    open_directory,
    open_file,
    source_errors,
    translated,
)
from tornado_archiver.cancellation import check_cancelled
from tornado_archiver.errors import (
    ArchiverError,
    SourceChangedError,
    SourceGoneError,
    SourceNotFoundError,
    SourceUnreadableError,
    StorageUnavailableError,
)
from tornado_archiver.junk import is_never_served
from tornado_archiver.local_content import (
    LocalContent,
    check_end,
    compare,
    longer_than_its_size,
    untouched_since,
)
from tornado_archiver.manifest import Entry, Manifest, with_owner_access
from tornado_archiver.selection import Selection
from tornado_archiver.storage import Reader, Source, Storage
from tornado_archiver.threads import run_in_thread
from tornado_archiver.walk import Walked, walk, without

_ALL_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_NO_SUCH_DIRECTORY = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class LocalStorage(Storage):
    """Directories directly beneath `photos_dir`, which is opened anew for each request: it may be mounted
    late, or replaced."""

    def __init__(self, photos_dir: Path, selection: Selection) -> None:
        self._root = os.fsencode(photos_dir)
        self._selection = selection
        self._in_use: WeakValueDictionary[Source, Manifest] = WeakValueDictionary()

    async def manifest(self, source_hash: str) -> Manifest:
        return await run_in_thread(self._walked, _directory_name(source_hash))

    def _walked(self, name: bytes) -> Manifest:
        source = LocalSource(self._root, self._resolved(name))
        if is_never_served(source.name):
            raise SourceNotFoundError("the directory is hidden or junk, or is in such a one")
        try:
            with source.opened() as directory:
                walked = walk(directory, self._selection)
            settled = self._settled(source, walked)  # which goes by the modes of the disk
        except SourceGoneError as error:
            raise SourceNotFoundError("the directory is gone") from error
        if not settled.entries:
            raise SourceNotFoundError("there is nothing to pack in the directory")
        is_dated = not walked.follows_links and source.name == name
        entries = with_owner_access(settled.entries)
        return self._shared(replace(settled, entries=entries, is_dated=is_dated))

    def _settled(self, source: "LocalSource", walked: Walked) -> Manifest:
        """What is promised of what was found: all of it, or SourceUnreadableError.

        A file that everybody may read is not tried: for the usual thousands of them that takes longer than
        it is worth. Should one be unreadable all the same, the download is cut when it is reached.
        """
        for reason in walked.unlistable.values():
            raise SourceUnreadableError(reason)
        gone = set()
        private = (entry for entry in walked.entries if entry.mode & _ALL_READ != _ALL_READ)
        for name, error in unopenable(source, private):
            if not isinstance(error, SourceGoneError):
                raise error
            gone.add(name)
        return Manifest(without(gone, walked.entries), source, walked.changed_ns)

    def _shared(self, manifest: Manifest) -> Manifest:
        """The same manifest from a download that is under way, if there is one: a thousand visitors of one
        directory hold its names once."""
        known = self._in_use.get(manifest.source)
        if known is not None and known.is_same(manifest):
            return known
        self._in_use[manifest.source] = manifest
        return manifest

    def _resolved(self, name: bytes) -> bytes:
        """The directory's own name: where links are followed, one within the photos root may name it."""
        if not self._selection.follow_symlinks:
            return name
        with _opened_root(self._root) as root:
            try:
                path = followed(root, root, name)
            except OSError as error:
                raise _directory_error(error) from error
        if path is None:
            raise SourceNotFoundError("the link leads out of the photos directory")
        return path


def unopenable(source: "LocalSource", entries: Iterable[Entry]) -> Iterator[tuple[str, ArchiverError]]:
    """The member names of files that cannot be opened, and why: SourceUnreadableError, or SourceGoneError for
    one that has vanished since the walk. Only opening them tells: rights may be kept in lists, on another
    machine, or a disk may be broken. Stops when `check_cancelled` raises."""
    with source.reader() as reader:
        for entry in entries:
            check_cancelled()
            if not entry.is_directory:
                try:
                    os.close(reader.open(entry))
                except (SourceUnreadableError, SourceGoneError) as error:
                    yield entry.member_name, error


def _directory_name(source_hash: str) -> bytes:
    """Raises SourceNotFoundError for what cannot name a directory directly beneath another."""
    try:
        name = os.fsencode(source_hash)
    except UnicodeEncodeError:
        name = b""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise SourceNotFoundError("this cannot be the name of a directory")
    return name


@dataclass(frozen=True, slots=True)
class LocalSource(Source):
    """The directory `name` (relative, without links) beneath the directory `root`."""

    root: bytes
    name: bytes

    def reader(self) -> AbstractContextManager["LocalReader"]:
        return LocalReader(self)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the directory. Raises SourceNotFoundError, StorageUnavailableError."""
        with _opened_root(self.root) as root:
            try:
                descriptor = open_directory(root, self.name)
            except OSError as error:
                raise _directory_error(error) from error
            try:
                yield descriptor
            finally:
                os.close(descriptor)


@contextmanager
def _opened_root(path: bytes) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageUnavailableError(f"the photos directory cannot be read: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _directory_error(error: OSError) -> SourceNotFoundError | StorageUnavailableError:
    if error.errno in _NO_SUCH_DIRECTORY:
        return SourceNotFoundError("there is no such directory in the photos directory")
    return StorageUnavailableError(f"a directory in the photos directory cannot be read: {error.strerror}")


class LocalReader(Reader):
    """Reads the files of a LocalSource. Keeps the directories of the last file open for the next one."""

    def __init__(self, source: LocalSource) -> None:
        self._source = source
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        self._opened = self._source.opened()
        try:
            self.directory = self._opened.__enter__()
        except SourceNotFoundError as error:
            raise SourceGoneError("the directory is gone") from error
        self._folders = OpenDirectories(self.directory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folders.close()
        self._opened.__exit__(None, None, None)

    def blocks(self, entry: Entry, max_bytes: int) -> Iterator[memoryview]:
        buffer = self._room(max_bytes)
        with source_errors(entry.member_name), self.opened(entry) as descriptor:
            opened, left = os.fstat(descriptor), entry.size
            while left:
                count = os.readv(descriptor, [buffer[: min(left, max_bytes)]])
                if not count:
                    raise SourceChangedError(f"{entry.member_name!r} shrank while it was read")
                left -= count
                yield buffer[:count]
            check_end(entry, opened, descriptor)

    def whole(self, entry: Entry) -> bytes:
        # thousands to the second: fewer calls here are felt by the visitor
        parent, _, name = entry.source_name.rpartition(b"/")
        try:
            descriptor = open_file(self._folders.open(parent), name)
            try:
                data = os.pread(descriptor, entry.size + 1, 0)  # more than it should hold shows as well
                status = os.fstat(descriptor)  # after the reading, so it speaks for what was read
            finally:
                os.close(descriptor)
        except OSError as error:
            raise translated(entry.member_name, error) from error
        if status.st_mtime_ns != entry.mtime_ns or len(data) != status.st_size or len(data) != entry.size:
            compare(entry, status)
            raise _read_error(entry, len(data))
        return data

    def content(self, entry: Entry) -> LocalContent:
        return LocalContent(entry, self.open(entry))

    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        """Stops when `check_cancelled` raises."""
        with OpenDirectories(self.directory) as folders:  # the paths as they are now
            for entry in entries:
                check_cancelled()
                parent, _, name = entry.source_name.rpartition(b"/")
                try:
                    status = os.stat(name, dir_fd=folders.open(parent), follow_symlinks=False)
                except OSError as error:
                    raise translated(entry.member_name, error) from error
                compare(entry, status)
                if changed_ns is not None:
                    untouched_since(entry, status, changed_ns)

    @contextmanager
    def opened(self, entry: Entry) -> Iterator[int]:
        """A descriptor of the entry's file, closed at the end. Raises as `open` does."""
        descriptor = self.open(entry)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self, entry: Entry) -> int:
        """A descriptor of the entry's file, for the caller to close; it is what the entry says right now.

        Raises SourceChangedError, SourceUnreadableError.
        """
        parent, _, name = entry.source_name.rpartition(b"/")
        with source_errors(entry.member_name):
            descriptor = open_file(self._folders.open(parent), name)
        try:
            compare(entry, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _room(self, size: int) -> memoryview:
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        return memoryview(self._buffer)


def _read_error(entry: Entry, read: int) -> SourceChangedError:
    """For a file whose status is the entry's, and whose content is not of that size."""
    if read > entry.size:
        return longer_than_its_size(entry)
    return SourceChangedError(f"{entry.member_name!r} changed while it was read")
