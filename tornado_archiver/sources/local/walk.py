"""The recursive directory scan, which determines the entries of an archive.

Blocking: for worker threads only. Later steps read the files, but never list a directory again.
"""

import errno
import math
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import NamedTuple

from tornado_archiver.errors import (
    ArchiverError,
    ArchiveTooLargeError,
    SourceGoneError,
    SourceUnreadableError,
)
from tornado_archiver.runtime.cancellation import check_cancelled
from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.openat import (
    CHANGED_ERRNOS,
    RESOURCE_ERRNOS,
    OpenDirectories,
    directory_fd,
    is_outside,
    resolve_beneath,
    to_source_error,
    translate_errors,
)
from tornado_archiver.sources.member_names import MAX_PATH_BYTES, portable_name, unique_names

_DANGLING_ERRNOS = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_PACKED_TYPES = (stat.S_IFREG, stat.S_IFDIR)
_MAX_PART_BYTES = 256  # of the last part of a member name
_CHECK_LIMITS_EVERY = 256  # entries


@dataclass(frozen=True, slots=True)
class _Folder:
    """A directory that is still to be listed, at `depth` levels below the source."""

    source_key: bytes
    member_name: str
    depth: int


# Name, source key, mode, size, mtime_ns and ctime_ns. A plain tuple, because thousands are created before the
# first byte is sent, and an os.stat_result takes a kilobyte.
_Child = tuple[bytes, bytes, int, int, int, int]
_ctime_ns = itemgetter(5)
_member_name = attrgetter("member_name")


class WalkResult(NamedTuple):
    """The entries of a source, and the facts that its manifest needs.

    `changed_ns`: the newest ctime, in nanoseconds since the epoch. Programs cannot set it back, and that of a
    directory advances when a name is added or removed. `unreadable_dirs`: the directories that cannot be
    listed and the symlinks whose targets cannot be examined, by member name, with the error.
    `follows_links`: whether an entry is the target of a symlink. `fresh`: the files that changed since the
    time that was passed to `walk`, each with its ctime before it.
    """

    entries: tuple[Entry, ...]
    changed_ns: int
    unreadable_dirs: Mapping[str, ArchiverError]
    follows_links: bool
    fresh: Collection[tuple[int, Entry]]


@dataclass(slots=True)
class _WalkState:
    """The state of a scan; see `WalkResult`.

    `root_fd`: the descriptor of the source. `folders` opens the directories that are listed, `targets` the
    parents of symlink targets. `ancestors`: the source keys from the root to the directory that is being
    listed, to detect symlink loops. `gone`: the member names of directories that were removed after their
    parents were listed.
    """

    root_fd: int
    source_filter: SourceFilter
    fresh_since_ns: float
    folders: OpenDirectories
    targets: OpenDirectories
    entries: list[Entry] = field(default_factory=list)
    changed_ns: int = 0
    ancestors: list[bytes] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    unreadable_dirs: dict[str, ArchiverError] = field(default_factory=dict)
    follows_links: bool = False
    fresh: list[tuple[int, Entry]] = field(default_factory=list)

    def check_entries(self, more: int = 0) -> None:
        """Raise ArchiveTooLargeError if the entries and `more` others exceed the limit of the filter."""
        self.source_filter.check_entries(len(self.entries) + more)


def walk(source_fd: int, source_filter: SourceFilter, fresh_since_ns: int | None = None) -> WalkResult:
    """Return the entries beneath the open directory `source_fd`, in byte order of their member names.

    Raise SourceUnreadableError if the directory itself cannot be listed, SourceGoneError if it was removed,
    and ArchiveTooLargeError as soon as a limit of the filter is exceeded or a path is too long. A file or
    directory that is removed or replaced during the scan is omitted, because no response has included it yet.
    Stops when `check_cancelled` raises. `fresh_since_ns`: see `WalkResult.fresh`; None is never.
    """
    with (
        translate_errors("the directory"),
        directory_fd(source_fd, b"") as root_fd,
        OpenDirectories(root_fd) as folders,
        OpenDirectories(root_fd) as targets,
    ):
        fresh_ns = math.inf if fresh_since_ns is None else fresh_since_ns
        changed_ns = os.fstat(root_fd).st_ctime_ns
        state = _WalkState(root_fd, source_filter, fresh_ns, folders, targets, changed_ns=changed_ns)
        _list_all(state)
    # by code points, because their order is that of their UTF-8 bytes
    entries = without(state.gone, sorted(state.entries, key=_member_name))
    return WalkResult(entries, state.changed_ns, state.unreadable_dirs, state.follows_links, state.fresh)


def without(names: Collection[str], entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries except those with these member names."""
    return tuple(entry for entry in entries if entry.member_name not in names) if names else tuple(entries)


def _list_all(state: _WalkState) -> None:
    pending = [_Folder(b"", "", 0)]
    while pending:
        check_cancelled()
        folder = pending.pop()  # depth first, so that the parent is open in `folders`
        state.ancestors[folder.depth :] = [folder.source_key]
        children = _list_or_record(state, folder)
        entries = _entries(folder, children)
        _check_paths(folder, entries)
        state.entries += entries
        state.check_entries()
        _record_ctimes(state, children, entries)
        pending += [
            _Folder(entry.source_key, entry.member_name, folder.depth + 1)
            for entry in entries
            if entry.is_directory
        ]


def _record_ctimes(state: _WalkState, children: Sequence[_Child], entries: Iterable[Entry]) -> None:
    newest_ns = max(map(_ctime_ns, children), default=0)
    state.changed_ns = max(state.changed_ns, newest_ns)
    if newest_ns > state.fresh_since_ns:
        state.fresh += [
            (child[5], entry)
            for child, entry in zip(children, entries, strict=True)
            if child[5] > state.fresh_since_ns and not entry.is_directory
        ]


def _check_paths(folder: _Folder, entries: Iterable[Entry]) -> None:
    if len(folder.member_name.encode()) + _MAX_PART_BYTES <= MAX_PATH_BYTES:
        return
    if any(len(entry.member_name.encode()) > MAX_PATH_BYTES for entry in entries):
        raise ArchiveTooLargeError(
            f"a path in the directory, {folder.depth + 1} names deep, has more than {MAX_PATH_BYTES} bytes:"
            " most programs could not unpack it; use shorter names, or fewer directories within each other"
        )


def _list_or_record(state: _WalkState, folder: _Folder) -> list[_Child]:
    """Return the children of the folder. Record a subdirectory that is removed or unreadable, as empty."""
    try:
        with translate_errors(folder.member_name or "the directory"):
            return _read_children(state, state.folders.open(folder.source_key), folder)
    except SourceGoneError:
        if not folder.member_name:
            raise
        state.gone.add(folder.member_name)
    except SourceUnreadableError as error:
        if not folder.member_name:
            raise
        # a new one, because the traceback of this one would keep the frames of the scan alive
        state.unreadable_dirs[folder.member_name] = SourceUnreadableError(
            *error.args, retry_after_s=error.retry_after_s
        )
    return []


def _entries(folder: _Folder, children: Sequence[_Child]) -> list[Entry]:
    names, prefix = unique_names([child[0] for child in children]), folder.member_name
    return [
        Entry(f"{prefix}{names[name]}/", source_key, 0, mtime_ns, mode & 0o777)
        if stat.S_ISDIR(mode)
        else Entry(prefix + names[name], source_key, size, mtime_ns, mode & 0o777)
        for name, source_key, mode, size, mtime_ns, _ in children
    ]


def _read_children(state: _WalkState, dir_fd: int, folder: _Folder) -> list[_Child]:
    children: list[_Child] = []
    prefix = folder.source_key + b"/" if folder.source_key else b""
    for name, status in _iter_stat(dir_fd, state.source_filter):
        path = prefix + name
        if state.source_filter.follow_symlinks and stat.S_ISLNK(status.st_mode):
            target = _resolve_link_or_record(state, dir_fd, name, folder)
            path, status = target or (path, status)
        mode = status.st_mode
        if stat.S_IFMT(mode) in _PACKED_TYPES:
            children.append((name, path, mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            if len(children) % _CHECK_LIMITS_EVERY == 0:
                state.check_entries(len(children))
    return children


def _iter_stat(dir_fd: int, source_filter: SourceFilter) -> Iterator[tuple[bytes, os.stat_result]]:
    with os.scandir(dir_fd) as listing:
        for item in listing:
            check_cancelled()
            name = item.name.encode("utf-8", "surrogateescape")
            if source_filter.accepts(name):
                try:
                    status = item.stat(follow_symlinks=False)
                except OSError as error:
                    if error.errno in CHANGED_ERRNOS:
                        continue
                    raise
                yield name, status


def _resolve_link_or_record(
    state: _WalkState, dir_fd: int, link: bytes, folder: _Folder
) -> tuple[bytes, os.stat_result] | None:
    """Resolve a symlink like `_resolve_link`, and record that it was followed or cannot be examined."""
    try:
        target = _resolve_link(state, dir_fd, link)
    except OSError as error:
        if error.errno in RESOURCE_ERRNOS:
            raise
        name = folder.member_name + portable_name(link)
        state.unreadable_dirs[name] = to_source_error(name, error)
        return None
    state.follows_links |= target is not None
    return target


def _resolve_link(state: _WalkState, dir_fd: int, link: bytes) -> tuple[bytes, os.stat_result] | None:
    """Return path and status of the target of the symlink `link` in the directory `dir_fd`.

    None if the symlink is dangling, points outside the source, or to an ancestor. Raise OSError if the target
    is inside and cannot be examined.
    """
    try:
        path = resolve_beneath(state.root_fd, dir_fd, link)
        if path is None or path in state.ancestors:
            return None
        parent, _, name = path.rpartition(b"/")
        return path, os.stat(name, dir_fd=state.targets.open(parent), follow_symlinks=False)
    except OSError as error:
        if error.errno in _DANGLING_ERRNOS or (
            error.errno not in RESOURCE_ERRNOS and is_outside(state.root_fd, dir_fd, link)
        ):
            return None
        raise
