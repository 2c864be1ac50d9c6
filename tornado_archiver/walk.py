"""The one walk that settles what is packed.

Blocking: for worker threads. Nothing looks at the disk again to find out *what* to pack.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from tornado_archiver.beneath import opened_directory, source_errors
from tornado_archiver.manifest import Entry
from tornado_archiver.member_names import sibling_names
from tornado_archiver.selection import Selection


@dataclass(frozen=True, slots=True)
class _Folder:
    """A directory still to be listed. `chain`: the directories on the way to it, to stop link loops."""

    source_name: bytes
    member_name: str
    chain: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Child:
    source_name: bytes
    status: os.stat_result


def walk(directory: int, selection: Selection) -> tuple[Entry, ...]:
    """The entries beneath the directory that descriptor `directory` stands for, in byte order.

    Raises SourceUnreadableError for a directory in it that cannot be listed, SourceChangedError for one
    that vanishes under the walk. A file that vanishes is left out: it was never promised to anyone.
    """
    entries: list[Entry] = []
    pending = [_Folder(b"", "", frozenset({b""}))]
    while pending:
        folder = pending.pop()
        for entry in _listed(directory, folder, selection):
            entries.append(entry)
            if entry.is_directory:
                chain = folder.chain | {entry.source_name}
                pending.append(_Folder(entry.source_name, entry.member_name, chain))
    # Code points sort as their UTF-8 bytes do, so this is the byte order of the names.
    return tuple(sorted(entries, key=lambda entry: entry.member_name))


def _listed(directory: int, folder: _Folder, selection: Selection) -> Iterator[Entry]:
    with (
        source_errors(folder.member_name or "the directory"),
        opened_directory(directory, folder.source_name) as descriptor,
    ):
        children = _children(directory, descriptor, folder, selection)
    names = sibling_names(children)
    for name, child in children.items():
        if stat.S_ISDIR(child.status.st_mode):
            yield _entry(folder.member_name + names[name] + "/", child, size=0)
        else:
            yield _entry(folder.member_name + names[name], child, size=child.status.st_size)


def _entry(member_name: str, child: _Child, size: int) -> Entry:
    status = child.status
    return Entry(
        member_name, child.source_name, size, status.st_mtime_ns, stat.S_IMODE(status.st_mode) & 0o777
    )


def _children(directory: int, descriptor: int, folder: _Folder, selection: Selection) -> dict[bytes, _Child]:
    found: dict[bytes, _Child] = {}
    with os.scandir(descriptor) as listing:
        for item in listing:
            name = os.fsencode(item.name)
            if selection.wants(name):
                child = _child(directory, item, folder, selection)
                if child is not None:
                    found[name] = child
    return found


def _child(directory: int, item: "os.DirEntry[str]", folder: _Folder, selection: Selection) -> _Child | None:
    path = os.path.join(folder.source_name, os.fsencode(item.name))
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode) and selection.follow_symlinks:
        return _link_target(directory, path, folder.chain)
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return _Child(path, status)
    return None


def _link_target(directory: int, link: bytes, chain: frozenset[bytes]) -> _Child | None:
    """What a link stands for, under the target's own path; None when it leads outside, nowhere or round."""
    root = os.path.realpath(b"/proc/self/fd/%d" % directory)
    target = os.path.realpath(os.path.join(root, link))
    if not target.startswith(root + b"/"):
        return None
    path = target[len(root) + 1 :]
    if path in chain:
        return None
    try:
        status = _status_beneath(directory, path)
    except OSError:
        return None
    return _Child(path, status) if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) else None


def _status_beneath(directory: int, path: bytes) -> os.stat_result:
    parent, name = os.path.split(path)
    with opened_directory(directory, parent) as descriptor:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
