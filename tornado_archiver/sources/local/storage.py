"""The photos root: directories on a local disk, one for each hash."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from tornado_archiver.errors import (
    ArchiverError,
    SourceChangedError,
    SourceGoneError,
    SourceNotFoundError,
    SourceUnreadableError,
    StorageUnavailableError,
)
from tornado_archiver.runtime.cancellation import check_cancelled
from tornado_archiver.runtime.threads import run_in_thread
from tornado_archiver.source import Entry, Manifest, Reader, Source, Storage, with_owner_access
from tornado_archiver.sources.filter import SourceFilter, is_never_served
from tornado_archiver.sources.local.file import (
    LocalFile,
    check_end,
    longer_than_its_size,
    verify_ctime,
    verify_stat,
)
from tornado_archiver.sources.local.openat import (
    OpenDirectories,
    open_directory,
    open_file,
    resolve_beneath,
    to_source_error,
    translate_errors,
)
from tornado_archiver.sources.local.walk import WalkResult, walk, without

_WORLD_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_NO_SUCH_DIRECTORY = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class LocalStorage(Storage):
    """Directories directly beneath `photos_dir`, which is opened anew for each request: it may be mounted
    late, or replaced. `settle` makes the manifest of what was found: the policy for unreadable files."""

    def __init__(self, photos_dir: Path, source_filter: SourceFilter, settle: "Settle | None" = None) -> None:
        self._root = os.fsencode(photos_dir)
        self._filter = source_filter
        self._settle = settle or fail_if_unreadable
        self._live_manifests: WeakValueDictionary[Source, Manifest] = WeakValueDictionary()

    async def scan(self, source_hash: str) -> Manifest:
        return await run_in_thread(self._scan, _directory_name(source_hash))

    def _scan(self, name: bytes) -> Manifest:
        source = LocalSource(self._root, self._resolve_symlink(name))
        if is_never_served(source.name):
            raise SourceNotFoundError("the directory is hidden or junk, or is in such a one")
        try:
            with source.open_dir() as directory:
                walked = walk(directory, self._filter)
            settled = self._settle(source, walked)  # which goes by the modes of the disk
        except SourceGoneError as error:
            raise SourceNotFoundError("the directory is gone") from error
        if not settled.entries:
            raise SourceNotFoundError("there is nothing to pack in the directory")
        is_dated = not walked.follows_links and source.name == name
        entries = with_owner_access(settled.entries)
        return self._intern(replace(settled, entries=entries, has_last_modified=is_dated))

    def _intern(self, manifest: Manifest) -> Manifest:
        """The same manifest from a download that is under way, if there is one: a thousand visitors of one
        directory hold its names once."""
        known = self._live_manifests.get(manifest.source)
        if known is not None and known.is_same(manifest):
            return known
        self._live_manifests[manifest.source] = manifest
        return manifest

    def _resolve_symlink(self, name: bytes) -> bytes:
        """The directory's own name: where links are followed, one within the photos root may name it."""
        if not self._filter.follow_symlinks:
            return name
        with _root_fd(self._root) as root:
            try:
                path = resolve_beneath(root, root, name)
            except OSError as error:
                raise _directory_error(error) from error
        if path is None:
            raise SourceNotFoundError("the link leads out of the photos directory")
        return path


def fail_if_unreadable(source: "LocalSource", walked: WalkResult) -> Manifest:
    """Return the manifest of all that was found. Raise SourceUnreadableError when some of it cannot be read.

    A file that everybody may read is not tried: for the usual thousands of them that takes longer than it is
    worth. Should one be unreadable all the same, the download is cut when it is reached.
    """
    for reason in walked.unreadable_dirs.values():
        raise SourceUnreadableError(reason)
    gone = set()
    private = (entry for entry in walked.entries if entry.mode & _WORLD_READABLE != _WORLD_READABLE)
    for name, error in unopenable(source, private):
        if not isinstance(error, SourceGoneError):
            raise error
        gone.add(name)
    return Manifest(without(gone, walked.entries), source, walked.changed_ns)


def unopenable(source: "LocalSource", entries: Iterable[Entry]) -> Iterator[tuple[str, ArchiverError]]:
    """The member names of files that cannot be opened, and why: SourceUnreadableError, or SourceGoneError for
    one that has vanished since the walk. Only opening them tells: rights may be kept in lists, on another
    machine, or a disk may be broken. Stops when `check_cancelled` raises."""
    with source.reader() as reader:
        for entry in entries:
            check_cancelled()
            if not entry.is_directory:
                try:
                    os.close(reader.open_fd(entry))
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
    def open_dir(self) -> Iterator[int]:
        """A descriptor of the directory. Raises SourceNotFoundError, StorageUnavailableError."""
        with _root_fd(self.root) as root:
            try:
                descriptor = open_directory(root, self.name)
            except OSError as error:
                raise _directory_error(error) from error
            try:
                yield descriptor
            finally:
                os.close(descriptor)


Settle = Callable[[LocalSource, WalkResult], Manifest]


@contextmanager
def _root_fd(path: bytes) -> Iterator[int]:
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
        self._opened = self._source.open_dir()
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

    def iter_blocks(self, entry: Entry, max_bytes: int) -> Iterator[memoryview]:
        buffer = self._buffer_for(max_bytes)
        with translate_errors(entry.member_name), self.open_dir(entry) as descriptor:
            open_dir, left = os.fstat(descriptor), entry.size
            while left:
                count = os.readv(descriptor, [buffer[: min(left, max_bytes)]])
                if not count:
                    raise SourceChangedError(f"{entry.member_name!r} shrank while it was read")
                left -= count
                yield buffer[:count]
            check_end(entry, open_dir, descriptor)

    def read_all(self, entry: Entry) -> bytes:
        # thousands to the second: fewer calls here are felt by the visitor
        parent, _, name = entry.source_key.rpartition(b"/")
        try:
            descriptor = open_file(self._folders.open(parent), name)
            try:
                data = os.pread(descriptor, entry.size + 1, 0)  # more than it should hold shows as well
                status = os.fstat(descriptor)  # after the reading, so it speaks for what was read
            finally:
                os.close(descriptor)
        except OSError as error:
            raise to_source_error(entry.member_name, error) from error
        if status.st_mtime_ns != entry.mtime_ns or len(data) != status.st_size or len(data) != entry.size:
            verify_stat(entry, status)
            raise _read_error(entry, len(data))
        return data

    def open_file(self, entry: Entry) -> LocalFile:
        return LocalFile(entry, self.open_fd(entry))

    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        """Stops when `check_cancelled` raises."""
        with OpenDirectories(self.directory) as folders:  # the paths as they are now
            for entry in entries:
                check_cancelled()
                parent, _, name = entry.source_key.rpartition(b"/")
                try:
                    status = os.stat(name, dir_fd=folders.open(parent), follow_symlinks=False)
                except OSError as error:
                    raise to_source_error(entry.member_name, error) from error
                verify_stat(entry, status)
                if changed_ns is not None:
                    verify_ctime(entry, status, changed_ns)

    @contextmanager
    def open_dir(self, entry: Entry) -> Iterator[int]:
        """A descriptor of the entry's file, closed at the end. Raises as `open_fd` does."""
        descriptor = self.open_fd(entry)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open_fd(self, entry: Entry) -> int:
        """A descriptor of the entry's file, for the caller to close; it is what the entry says right now.

        Raises SourceChangedError, SourceUnreadableError.
        """
        parent, _, name = entry.source_key.rpartition(b"/")
        with translate_errors(entry.member_name):
            descriptor = open_file(self._folders.open(parent), name)
        try:
            verify_stat(entry, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _buffer_for(self, size: int) -> memoryview:
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        return memoryview(self._buffer)


def _read_error(entry: Entry, read: int) -> SourceChangedError:
    """For a file whose status is the entry's, and whose content is not of that size."""
    if read > entry.size:
        return longer_than_its_size(entry)
    return SourceChangedError(f"{entry.member_name!r} changed while it was read")
