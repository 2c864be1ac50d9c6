"""The one walk that settles what is packed.

Blocking: for worker threads. Nothing looks at the disk again to find out *what* to pack.
"""

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import NamedTuple

from tornado_archiver.errors import (
    ArchiveTooLargeError,
    SourceGoneError,
    SourceUnreadableError,
)
from tornado_archiver.runtime.cancellation import check_cancelled
from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.openat import (
    GONE,
    RESOURCE_ERRNOS,
    OpenDirectories,
    directory_fd,
    is_outside,
    resolve_beneath,
    to_source_error,
    translate_errors,
)
from tornado_archiver.sources.member_names import portable_name, unique_names

_DANGLING_ERRNOS = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_PACKED_TYPES = (stat.S_IFREG, stat.S_IFDIR)
# Programs unpack by path, and the zip program reads by path: PATH_MAX (limits.h) is 4,096, and there is some
# directory in front. It bounds the names as well: those of n directories, one in the other, take n * n bytes.
_MAX_PATH_BYTES = 4000
_MAX_PART_BYTES = 256  # of a member's name beneath its directory
_AMOUNT_STEP = 256


@dataclass(frozen=True, slots=True)
class _Folder:
    """A directory still to be listed, so many directories deep."""

    source_name: bytes
    member_name: str
    depth: int


# Name, source name, mode, size, times of modification and of change in nanoseconds. A plain tuple: there are
# thousands to be made before the first byte goes out, and a whole status takes a kilobyte.
_Child = tuple[bytes, bytes, int, int, int, int]
_change_ns = itemgetter(5)
_member_name = attrgetter("member_name")


class WalkResult(NamedTuple):
    """`changed_ns`: when something last changed, as the file system itself keeps it (ctime, in nanoseconds
    since the epoch). Nobody can set that back, and a directory's moves when a name in it comes or goes.
    `unreadable_dirs`: those of the directories whose contents could not be seen, and of the followed links
    whose
    ends could not, by member name, and why. `follows_links`: whether an entry is what a link leads to."""

    entries: tuple[Entry, ...]
    changed_ns: int
    unreadable_dirs: Mapping[str, str]
    follows_links: bool


@dataclass(slots=True)
class _Scan:
    """What a scan knows on its way; see `WalkResult`.

    `root`: the descriptor of the directory. `folders` leads to what is listed, `targets` to where links lead.
    `way`: the directories from the root to the one that is being listed, to stop link loops. `gone`: member
    names of directories that have vanished since their parents were listed.
    """

    root: int
    source_filter: SourceFilter
    folders: OpenDirectories
    targets: OpenDirectories
    entries: list[Entry] = field(default_factory=list)
    size: int = 0
    changed_ns: int = 0
    way: list[bytes] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    unreadable_dirs: dict[str, str] = field(default_factory=dict)
    follows_links: bool = False

    def check_amount(self, more: int = 0) -> None:
        """Raise ArchiveTooLargeError if these entries and so many more are more than the selection takes."""
        self.source_filter.check_limits(len(self.entries) + more, self.size)


def walk(directory: int, source_filter: SourceFilter) -> WalkResult:
    """The entries beneath the directory that descriptor `directory` stands for, in byte order.

    Raises SourceUnreadableError when that itself cannot be listed, SourceGoneError when it is gone,
    ArchiveTooLargeError as soon as there is more than the selection takes, or a path is too long. A file or a
    directory in it that vanishes under the walk, or is replaced by something else, is left out: it was never
    promised to anyone. Stops when `check_cancelled` raises.
    """
    with (
        translate_errors("the directory"),
        directory_fd(directory, b"") as root,
        OpenDirectories(root) as folders,
        OpenDirectories(root) as targets,
    ):
        scan = _Scan(root, source_filter, folders, targets, changed_ns=os.fstat(root).st_ctime_ns)
        _list_all(scan)
    # Code points sort as their UTF-8 bytes do.
    in_order = without(scan.gone, sorted(scan.entries, key=_member_name))
    return WalkResult(in_order, scan.changed_ns, scan.unreadable_dirs, scan.follows_links)


def without(names: Collection[str], entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries but for those with these member names."""
    return tuple(entry for entry in entries if entry.member_name not in names) if names else tuple(entries)


def _list_all(scan: _Scan) -> None:
    pending = [_Folder(b"", "", 0)]
    while pending:
        check_cancelled()
        folder = pending.pop()  # depth first, so that `folders` has its parent open
        scan.way[folder.depth :] = [folder.source_name]
        children = _list_or_record(scan, folder)
        listed = _entries(folder, children)
        _check_paths(folder, listed)
        scan.entries += listed
        scan.size += sum(entry.size for entry in listed)
        scan.check_amount()
        scan.changed_ns = max(scan.changed_ns, *map(_change_ns, children), 0)
        pending += [
            _Folder(entry.source_key, entry.member_name, folder.depth + 1)
            for entry in listed
            if entry.is_directory
        ]


def _check_paths(folder: _Folder, listed: Iterable[Entry]) -> None:
    if len(folder.member_name.encode()) + _MAX_PART_BYTES <= _MAX_PATH_BYTES:
        return
    if any(len(entry.member_name.encode()) > _MAX_PATH_BYTES for entry in listed):
        raise ArchiveTooLargeError(
            f"a path in the directory, {folder.depth + 1} names deep, has more than {_MAX_PATH_BYTES} bytes:"
            " most programs could not unpack it; use shorter names, or fewer directories within each other"
        )


def _list_or_record(scan: _Scan, folder: _Folder) -> list[_Child]:
    """What is in the folder; of one in the source that does not tell, a note."""
    try:
        with translate_errors(folder.member_name or "the directory"):
            return _read_children(scan, scan.folders.open(folder.source_name), folder)
    except SourceGoneError:
        if not folder.member_name:
            raise
        scan.gone.add(folder.member_name)
    except SourceUnreadableError as error:
        if not folder.member_name:
            raise
        # the error itself would keep the walk's frames alive
        scan.unreadable_dirs[folder.member_name] = str(error)
    return []


def _entries(folder: _Folder, children: Sequence[_Child]) -> list[Entry]:
    names, prefix = unique_names([child[0] for child in children]), folder.member_name
    return [
        Entry(f"{prefix}{names[name]}/", source_name, 0, mtime_ns, mode & 0o777)
        if stat.S_ISDIR(mode)
        else Entry(prefix + names[name], source_name, size, mtime_ns, mode & 0o777)
        for name, source_name, mode, size, mtime_ns, _ in children
    ]


def _read_children(scan: _Scan, descriptor: int, folder: _Folder) -> list[_Child]:
    found: list[_Child] = []
    prefix = folder.source_name + b"/" if folder.source_name else b""
    for name, status in _iter_stat(descriptor, scan.source_filter):
        path = prefix + name
        if scan.source_filter.follow_symlinks and stat.S_ISLNK(status.st_mode):
            target = _resolve_link_or_record(scan, descriptor, name, folder)
            path, status = target or (path, status)
        mode = status.st_mode
        if stat.S_IFMT(mode) in _PACKED_TYPES:
            found.append((name, path, mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            if len(found) % _AMOUNT_STEP == 0:
                scan.check_amount(len(found))
    return found


def _iter_stat(descriptor: int, source_filter: SourceFilter) -> Iterator[tuple[bytes, os.stat_result]]:
    with os.scandir(descriptor) as listing:
        for item in listing:
            check_cancelled()
            name = item.name.encode("utf-8", "surrogateescape")
            if source_filter.accepts(name):
                try:
                    status = item.stat(follow_symlinks=False)
                except OSError as error:
                    if error.errno in GONE:
                        continue
                    raise
                yield name, status


def _resolve_link_or_record(
    scan: _Scan, descriptor: int, link: bytes, folder: _Folder
) -> tuple[bytes, os.stat_result] | None:
    """`_resolve_link`, with a note that there was one, or that it does not tell."""
    try:
        target = _resolve_link(scan, descriptor, link)
    except OSError as error:
        if error.errno in RESOURCE_ERRNOS:
            raise
        name = folder.member_name + portable_name(link)
        scan.unreadable_dirs[name] = str(to_source_error(name, error))
        return None
    scan.follows_links |= target is not None
    return target


def _resolve_link(scan: _Scan, folder: int, link: bytes) -> tuple[bytes, os.stat_result] | None:
    """The path of what the link in `folder` stands for, and what it is; None when it leads outside, nowhere
    or round. OSError for what is inside and cannot be seen."""
    try:
        path = resolve_beneath(scan.root, folder, link)
        if path is None or path in scan.way:
            return None
        parent, _, name = path.rpartition(b"/")
        return path, os.stat(name, dir_fd=scan.targets.open(parent), follow_symlinks=False)
    except OSError as error:
        if error.errno in _DANGLING_ERRNOS or (
            error.errno not in RESOURCE_ERRNOS and is_outside(scan.root, folder, link)
        ):
            return None
        raise
