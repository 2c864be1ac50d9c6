"""Storage on a local disk: the photos root, with one source directory for each hash."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tornado_archiver.errors import (
    ArchiverError,
    SourceChangedError,
    SourceGoneError,
    SourceNotFoundError,
    SourceUnreadableError,
    StorageUnavailableError,
)
from tornado_archiver.runtime.cancellation import check_cancelled
from tornado_archiver.runtime.threads import finish_in_thread
from tornado_archiver.source import Entry, Manifest, Reader, Source, Storage, with_owner_access
from tornado_archiver.sources.filter import SourceFilter, is_never_served
from tornado_archiver.sources.local.access import unavailable
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
from tornado_archiver.sources.local.uploads import check_uploads, fresh_since_ns
from tornado_archiver.sources.local.walk import WalkResult, walk, without
from tornado_archiver.sources.manifest_pool import ManifestPool

_WORLD_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_NO_SUCH_DIRECTORY = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class LocalStorage(Storage):
    """The directories in `photos_dir`. It is opened for each request, because it may be mounted after the
    start, or replaced. `unreadable_policy` makes a manifest of the result of a scan. `settle_time_s`: see
    `uploads.check_uploads`."""

    def __init__(
        self,
        photos_dir: Path,
        source_filter: SourceFilter,
        unreadable_policy: "UnreadablePolicy | None" = None,
        settle_time_s: float = 0,
    ) -> None:
        self._root = os.fsencode(photos_dir)
        self._filter = source_filter
        self._unreadable_policy = unreadable_policy or fail_if_unreadable
        self._settle_time_s = settle_time_s
        self._manifests = ManifestPool()

    async def scan(self, source_hash: str) -> Manifest:
        # not before the thread ends, because a bound of scans in progress must count those that hang in a
        # dead mount
        return await finish_in_thread(self._scan, _directory_name(source_hash))

    def _scan(self, name: bytes) -> Manifest:
        source = LocalSource(self._root, self._resolve_symlink(name))
        if is_never_served(source.name):
            raise SourceNotFoundError("the directory is hidden or junk, or inside a hidden or junk directory")
        try:
            with source.open_dir() as dir_fd:
                walked = walk(dir_fd, self._filter, fresh_since_ns(self._settle_time_s))
                check_uploads(dir_fd, walked, self._settle_time_s)
            manifest = self._unreadable_policy(source, walked)  # which goes by the modes of the disk
        except SourceGoneError as error:
            raise SourceNotFoundError("the directory is gone") from error
        if not manifest.entries:
            raise SourceNotFoundError("there is nothing to pack in the directory")
        is_dated = not walked.follows_links and source.name == name
        entries = with_owner_access(manifest.entries)
        manifest = replace(manifest, entries=entries, has_last_modified=is_dated)
        return self._manifests.intern(manifest.source, manifest)

    def _resolve_symlink(self, name: bytes) -> bytes:
        """Return the path of the directory beneath the photos root; it differs from `name` for a symlink."""
        if not self._filter.follow_symlinks:
            return name
        with _root_fd(self._root) as root:
            try:
                path = resolve_beneath(root, root, name)
            except OSError as error:
                raise _directory_error(error) from error
        if path is None:
            raise SourceNotFoundError("the symlink points outside the photos directory")
        return path


def fail_if_unreadable(source: "LocalSource", walked: WalkResult) -> Manifest:
    """Return the manifest of all entries. Raise SourceUnreadableError if one of them is unreadable.

    World-readable files are not opened, because that takes too long for thousands of files. If one is
    unreadable nevertheless, the download is aborted at that file.
    """
    for unreadable in walked.unreadable_dirs.values():
        raise unreadable
    gone = set()
    private = (entry for entry in walked.entries if entry.mode & _WORLD_READABLE != _WORLD_READABLE)
    for name, error in unopenable(source, private):
        if not isinstance(error, SourceGoneError):
            raise error
        gone.add(name)
    return Manifest(without(gone, walked.entries), source, walked.changed_ns)


def unopenable(source: "LocalSource", entries: Iterable[Entry]) -> Iterator[tuple[str, ArchiverError]]:
    """Yield the member name and the error of each file that cannot be opened.

    The error is SourceUnreadableError, or SourceGoneError for a file that was removed since the scan. Every
    file is opened, because its mode reflects neither access control lists nor disk errors. Stops when
    `check_cancelled` raises.
    """
    with source.reader() as reader:
        for entry in entries:
            check_cancelled()
            if not entry.is_directory:
                try:
                    os.close(reader.open_fd(entry))
                except (SourceUnreadableError, SourceGoneError) as error:
                    yield entry.member_name, error


def _directory_name(source_hash: str) -> bytes:
    """Return the hash as a file name. Raise SourceNotFoundError if it is not the name of one path part."""
    try:
        name = os.fsencode(source_hash)
    except UnicodeEncodeError:
        name = b""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise SourceNotFoundError("the hash is not a valid name of a directory")
    return name


@dataclass(frozen=True, slots=True)
class LocalSource(Source):
    """The directory `name` (relative, without symlinks) beneath the directory `root`."""

    root: bytes
    name: bytes

    def reader(self) -> AbstractContextManager["LocalReader"]:
        return LocalReader(self)

    @contextmanager
    def open_dir(self) -> Iterator[int]:
        """Open the directory, yield its descriptor. Raise SourceNotFoundError or StorageUnavailableError."""
        with _root_fd(self.root) as root:
            try:
                dir_fd = open_directory(root, self.name)
            except OSError as error:
                raise _directory_error(error) from error
            try:
                yield dir_fd
            finally:
                os.close(dir_fd)


UnreadablePolicy = Callable[[LocalSource, WalkResult], Manifest]


@contextmanager
def _root_fd(path: bytes) -> Iterator[int]:
    try:
        root_fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise unavailable("the photos directory", error) from error
    try:
        yield root_fd
    finally:
        os.close(root_fd)


def _directory_error(error: OSError) -> SourceNotFoundError | StorageUnavailableError:
    if error.errno in _NO_SUCH_DIRECTORY:
        return SourceNotFoundError("there is no such directory in the photos directory")
    return unavailable("a directory in the photos directory", error)


class LocalReader(Reader):
    """Reads the files of a LocalSource. The directories of the last file stay open for the next file.

    `directory` is the descriptor of the source.
    """

    def __init__(self, source: LocalSource) -> None:
        self._source = source
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        self._open_source = self._source.open_dir()
        try:
            self.directory = self._open_source.__enter__()
        except SourceNotFoundError as error:
            raise SourceGoneError("the directory is gone") from error
        self._parents = OpenDirectories(self.directory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parents.close()
        self._open_source.__exit__(None, None, None)

    def iter_blocks(self, entry: Entry, max_bytes: int) -> Iterator[memoryview]:
        buffer = self._buffer_for(max_bytes)
        fd = self.open_fd(entry)
        try:
            with translate_errors(entry.member_name):
                opened, remaining = os.fstat(fd), entry.size
                while remaining:
                    count = os.readv(fd, [buffer[: min(remaining, max_bytes)]])
                    if not count:
                        raise SourceChangedError(f"{entry.member_name!r} shrank while it was read")
                    remaining -= count
                    yield buffer[:count]
            check_end(entry, opened, fd)
        finally:
            os.close(fd)

    def read_all(self, entry: Entry) -> bytes:
        # inlined, because with thousands of files a second each call slows down the download
        parent, _, name = entry.source_key.rpartition(b"/")
        try:
            fd = open_file(self._parents.open(parent), name)
            try:
                data = os.pread(fd, entry.size + 1, 0)  # + 1 so that excess content is detected
                status = os.fstat(fd)  # after pread, so that it describes the data
            finally:
                os.close(fd)
        except OSError as error:
            raise to_source_error(entry.member_name, error) from error
        if status.st_mtime_ns != entry.mtime_ns or len(data) != status.st_size or len(data) != entry.size:
            verify_stat(entry, status)
            raise _read_error(entry, len(data))
        return data

    def open_file(self, entry: Entry) -> LocalFile:
        return LocalFile(entry, self.open_fd(entry))

    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        """Verify by status. Stops when `check_cancelled` raises."""
        with OpenDirectories(self.directory) as parents:  # new ones, because directories may have been moved
            for entry in entries:
                check_cancelled()
                parent, _, name = entry.source_key.rpartition(b"/")
                try:
                    status = os.stat(name, dir_fd=parents.open(parent), follow_symlinks=False)
                except OSError as error:
                    raise to_source_error(entry.member_name, error) from error
                verify_stat(entry, status)
                if changed_ns is not None:
                    verify_ctime(entry, status, changed_ns)

    def open_fd(self, entry: Entry) -> int:
        """Return a descriptor of the entry's file, which the caller closes.

        Raise SourceUnreadableError, or SourceChangedError if the file differs from the entry now.
        """
        parent, _, name = entry.source_key.rpartition(b"/")
        with translate_errors(entry.member_name):
            fd = open_file(self._parents.open(parent), name)
        try:
            verify_stat(entry, os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _buffer_for(self, size: int) -> memoryview:
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        return memoryview(self._buffer)


def _read_error(entry: Entry, bytes_read: int) -> SourceChangedError:
    """Return the error for a file with the status of the entry and content of another size."""
    if bytes_read > entry.size:
        return longer_than_its_size(entry)
    return SourceChangedError(f"{entry.member_name!r} changed while it was read")
