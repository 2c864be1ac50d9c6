"""What will be packed, settled once: the ordered list of entries that every backend packs exactly.

Rule: pure data. Nothing here touches a disk; where the contents come from is behind `Source`.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tornado_archiver.storage import Source

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

    def is_same(self, other: "Manifest") -> bool:
        """Whether the other one promises the same, of the same source at the same time."""
        return (self.source, self.ctime_ns, self.has_last_modified, self.entries) == (
            other.source,
            other.ctime_ns,
            other.has_last_modified,
            other.entries,
        )
