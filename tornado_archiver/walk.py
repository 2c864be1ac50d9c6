"""The one walk that settles what is packed.

Blocking: for worker threads. Nothing looks at the disk again to find out *what* to pack.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import NamedTuple

from tornado_archiver.beneath import (
    OUR_OWN,
    followed,
    leads_out,
    opened_directory,
    source_errors,
    translated,
)
from tornado_archiver.errors import SourceUnreadableError
from tornado_archiver.manifest import Entry
from tornado_archiver.member_names import portable_name, sibling_names
from tornado_archiver.selection import Selection

_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_PACKED = (stat.S_IFREG, stat.S_IFDIR)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A directory still to be listed. `chain`: the directories on the way to it, to stop link loops."""

    source_name: bytes
    member_name: str
    chain: frozenset[bytes]


# Name, source name, mode, size, times of modification and of change in nanoseconds. A plain tuple: there are
# thousands to be made before the first byte goes out, and a whole status takes a kilobyte.
_Child = tuple[bytes, bytes, int, int, int, int]
_change_ns = itemgetter(5)
_member_name = attrgetter("member_name")


class Walked(NamedTuple):
    """`changed_ns`: when something last changed, as the file system itself keeps it (ctime, in nanoseconds
    since the epoch). Nobody can set that back, and a directory's moves when a name in it comes or goes.
    `unlistable`: those of the directories whose contents could not be seen, and of the followed links whose
    ends could not, by member name, and why. `follows_links`: whether an entry is what a link leads to."""

    entries: tuple[Entry, ...]
    changed_ns: int
    unlistable: Mapping[str, str]
    follows_links: bool


@dataclass(slots=True)
class _Notes:
    """What is found out by the way; see `Walked`."""

    unlistable: dict[str, str] = field(default_factory=dict)
    follows_links: bool = False


def walk(directory: int, selection: Selection) -> Walked:
    """The entries beneath the directory that descriptor `directory` stands for, in byte order.

    Raises SourceUnreadableError when that itself cannot be listed, SourceChangedError for a directory in it
    that vanishes under the walk, TooLargeError as soon as there is more than the selection takes. A file
    that vanishes is left out: it was never promised to anyone.
    """
    entries: list[Entry] = []
    notes = _Notes()
    size = 0
    changed_ns = os.fstat(directory).st_ctime_ns
    pending = [_Folder(b"", "", frozenset({b""}))]
    while pending:
        folder = pending.pop()
        children = _seen_children(directory, folder, selection, notes)
        listed = _entries(folder, children)
        entries += listed
        size += sum(entry.size for entry in listed)
        selection.check_amount(len(entries), size)
        changed_ns = max(changed_ns, *map(_change_ns, children), 0)
        pending += [
            _Folder(entry.source_name, entry.member_name, folder.chain | {entry.source_name})
            for entry in listed
            if entry.is_directory
        ]
    # Code points sort as their UTF-8 bytes do.
    in_order = tuple(sorted(entries, key=_member_name))
    return Walked(in_order, changed_ns, notes.unlistable, notes.follows_links)


def _seen_children(directory: int, folder: _Folder, selection: Selection, notes: _Notes) -> list[_Child]:
    """What is in the folder; of one in the source that does not tell, a note."""
    try:
        return _opened_children(directory, folder, selection, notes)
    except SourceUnreadableError as error:
        if not folder.member_name:
            raise
        notes.unlistable[folder.member_name] = str(
            error
        )  # the error itself would keep the walk's frames alive
        return []


def _opened_children(directory: int, folder: _Folder, selection: Selection, notes: _Notes) -> list[_Child]:
    with (
        source_errors(folder.member_name or "the directory"),
        opened_directory(directory, folder.source_name) as descriptor,
    ):
        return _children(directory, descriptor, folder, selection, notes)


def _entries(folder: _Folder, children: Sequence[_Child]) -> list[Entry]:
    names, prefix = sibling_names([child[0] for child in children]), folder.member_name
    return [
        Entry(f"{prefix}{names[name]}/", source_name, 0, mtime_ns, mode & 0o777)
        if stat.S_ISDIR(mode)
        else Entry(prefix + names[name], source_name, size, mtime_ns, mode & 0o777)
        for name, source_name, mode, size, mtime_ns, _ in children
    ]


def _children(
    directory: int, descriptor: int, folder: _Folder, selection: Selection, notes: _Notes
) -> list[_Child]:
    found = []
    prefix = folder.source_name + b"/" if folder.source_name else b""
    for name, status in _statuses(descriptor, selection):
        path = prefix + name
        if selection.follow_symlinks and stat.S_ISLNK(status.st_mode):
            target = _noted_target(directory, descriptor, name, folder, notes)
            path, status = target or (path, status)
        mode = status.st_mode
        if stat.S_IFMT(mode) in _PACKED:
            found.append((name, path, mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return found


def _statuses(descriptor: int, selection: Selection) -> Iterator[tuple[bytes, os.stat_result]]:
    with os.scandir(descriptor) as listing:
        for item in listing:
            name = item.name.encode("utf-8", "surrogateescape")
            if selection.wants(name):
                try:
                    status = item.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield name, status


def _noted_target(
    directory: int, descriptor: int, link: bytes, folder: _Folder, notes: _Notes
) -> tuple[bytes, os.stat_result] | None:
    """`_link_target`, with a note that there was one, or that it does not tell."""
    try:
        target = _link_target(directory, descriptor, link, folder.chain)
    except OSError as error:
        if error.errno in OUR_OWN:
            raise
        name = folder.member_name + portable_name(link)
        notes.unlistable[name] = str(translated(name, error))
        return None
    notes.follows_links |= target is not None
    return target


def _link_target(
    directory: int, folder: int, link: bytes, chain: frozenset[bytes]
) -> tuple[bytes, os.stat_result] | None:
    """The path of what the link in `folder` stands for, and what it is; None when it leads outside, nowhere
    or round. OSError for what is inside and cannot be seen."""
    try:
        path = followed(directory, folder, link)
        if path is None or path in chain:
            return None
        return path, _status_beneath(directory, path)
    except OSError as error:
        if error.errno in _NOWHERE or (error.errno not in OUR_OWN and leads_out(directory, folder, link)):
            return None
        raise


def _status_beneath(directory: int, path: bytes) -> os.stat_result:
    parent, name = os.path.split(path)
    with opened_directory(directory, parent) as descriptor:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
