"""The one walk that settles what is packed.

Blocking: for worker threads. Nothing looks at the disk again to find out *what* to pack.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tornado_archiver.beneath import OUR_OWN, followed, opened_directory, source_errors
from tornado_archiver.errors import SourceUnreadableError
from tornado_archiver.manifest import Entry
from tornado_archiver.member_names import sibling_names
from tornado_archiver.selection import Selection

_PACKED = (stat.S_IFREG, stat.S_IFDIR)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A directory still to be listed. `chain`: the directories on the way to it, to stop link loops."""

    source_name: bytes
    member_name: str
    chain: frozenset[bytes]


class _Child(NamedTuple):
    name: bytes
    source_name: bytes
    status: os.stat_result


class Walked(NamedTuple):
    """`changed_ns`: when something last changed, as the file system itself keeps it (ctime, in nanoseconds
    since the epoch). Nobody can set that back, and a directory's moves when a name in it comes or goes.
    `unlistable`: those of the directories whose contents could not be seen, by member name, and why."""

    entries: tuple[Entry, ...]
    changed_ns: int
    unlistable: Mapping[str, str]


def walk(directory: int, selection: Selection) -> Walked:
    """The entries beneath the directory that descriptor `directory` stands for, in byte order.

    Raises SourceUnreadableError when that itself cannot be listed, SourceChangedError for a directory in it
    that vanishes under the walk, TooLargeError as soon as there is more than the selection takes. A file
    that vanishes is left out: it was never promised to anyone.
    """
    entries: list[Entry] = []
    unlistable: dict[str, str] = {}
    size = 0
    changed_ns = os.fstat(directory).st_ctime_ns
    pending = [_Folder(b"", "", frozenset({b""}))]
    while pending:
        folder = pending.pop()
        children = _seen_children(directory, folder, selection, unlistable)
        listed = _entries(folder, children)
        entries += listed
        size += sum(entry.size for entry in listed)
        selection.check_amount(len(entries), size)
        changed_ns = max(changed_ns, *(child.status.st_ctime_ns for child in children), 0)
        pending += [
            _Folder(entry.source_name, entry.member_name, folder.chain | {entry.source_name})
            for entry in listed
            if entry.is_directory
        ]
    # By the member name, its first and unique field. Code points sort as their UTF-8 bytes do.
    return Walked(tuple(sorted(entries)), changed_ns, unlistable)


def _seen_children(
    directory: int, folder: _Folder, selection: Selection, unlistable: dict[str, str]
) -> list[_Child]:
    """What is in the folder; of one in the source that does not tell, a note in `unlistable`."""
    try:
        return _opened_children(directory, folder, selection)
    except SourceUnreadableError as error:
        if not folder.member_name:
            raise
        unlistable[folder.member_name] = str(error)  # the error itself would keep the walk's frames alive
        return []


def _opened_children(directory: int, folder: _Folder, selection: Selection) -> list[_Child]:
    with (
        source_errors(folder.member_name or "the directory"),
        opened_directory(directory, folder.source_name) as descriptor,
    ):
        return _children(directory, descriptor, folder, selection)


def _entries(folder: _Folder, children: Sequence[_Child]) -> list[Entry]:
    names = sibling_names([child.name for child in children])
    return [_entry(folder.member_name + names[child.name], child) for child in children]


def _entry(member_name: str, child: _Child) -> Entry:
    status = child.status
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return Entry(member_name + "/", child.source_name, 0, status.st_mtime_ns, mode & 0o777)
    return Entry(member_name, child.source_name, status.st_size, status.st_mtime_ns, mode & 0o777)


def _children(directory: int, descriptor: int, folder: _Folder, selection: Selection) -> list[_Child]:
    found = []
    prefix = folder.source_name + b"/" if folder.source_name else b""
    for name, status in _statuses(descriptor, selection):
        kind = stat.S_IFMT(status.st_mode)
        if kind in _PACKED:
            found.append(_Child(name, prefix + name, status))
        elif kind == stat.S_IFLNK and selection.follow_symlinks:
            child = _link_target(directory, descriptor, name, folder.chain)
            if child is not None and stat.S_IFMT(child.status.st_mode) in _PACKED:
                found.append(child)
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


def _link_target(directory: int, folder: int, link: bytes, chain: frozenset[bytes]) -> _Child | None:
    """What the link in `folder` stands for, under the target's own path; None when it leads outside, nowhere
    or round."""
    try:
        path = followed(directory, folder, link)
        if path is None or path in chain:
            return None
        return _Child(link, path, _status_beneath(directory, path))
    except OSError as error:
        if error.errno in OUR_OWN:
            raise
        return None


def _status_beneath(directory: int, path: bytes) -> os.stat_result:
    parent, name = os.path.split(path)
    with opened_directory(directory, parent) as descriptor:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
