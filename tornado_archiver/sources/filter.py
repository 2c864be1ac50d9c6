"""Names that are hidden, and names that are junk. Pure.

Junk is what FTP clients, browsers, file managers, NAS systems and file systems leave in a directory.
"""

import re
from dataclasses import dataclass

from tornado_archiver.errors import ArchiveTooLargeError

_PATTERNS = rb"""
    # Windows; before Vista the recycle bin had names that are words in lower case
    thumbs\.db | ehthumbs(_vista)?\.db | desktop\.ini | \$recycle\.bin | (?-i: RECYCLER | RECYCLED )
    | system\ volume\ information | found\.[0-9]{3} | ~\$.*
    # macOS, and on servers for it
    | icon\r | __macosx | \.trashes | \.spotlight-v100 | \.fseventsd | \.temporaryitems
    | temporary\ items | network\ trash\ folder
    # Linux: Trash specification of freedesktop.org, ext4, Samba's vfs_recycle
    | \.trash(-[0-9]+)? | lost\+found | \.recycle
    # Synology, QNAP
    | @eadir | @tmp | @sharebin | \#recycle | \#snapshot
    | @recycle | @recently-snapshot | @transcode | \.@.+
    # snapshots of NetApp and Isilon, snapper, CephFS and UFS, ZFS
    | [.~]snapshot | \.snapshots | \.snap | \.zfs
    # unfinished: WinSCP, browsers, aria2
    | .+\.(filepart|part|partial|crdownload|aria2)
    # what exiftool has changed, with the GPS data that was to be removed
    | .+\.(?=[0-9]*[a-z])[a-z0-9]{2,4}_original
"""
_JUNK = re.compile(_PATTERNS, re.IGNORECASE | re.DOTALL | re.VERBOSE)


def is_hidden(name: bytes) -> bool:
    """Whether `name`, one part of a path, starts with a dot."""
    return name.startswith(b".")


def is_junk(name: bytes) -> bool:
    """Whether `name`, one part of a path, is that of junk. Most shares do not tell upper from lower case."""
    return _JUNK.fullmatch(name) is not None


def is_never_served(path: bytes) -> bool:
    """Whether a path beneath the photos directory leads to nothing to archive, whatever the settings are.

    `#recycle` of a NAS holds every deleted directory under its hash, and so does a snapshot.
    """
    return any(is_hidden(part) or is_junk(part) for part in path.split(b"/"))


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """What the settings say. `follow_symlinks`: a link inside the directory stands for its target.
    `max_entries` and `max_bytes` are for one archive, 0 for no limit."""

    include_hidden: bool = False
    include_litter: bool = False
    follow_symlinks: bool = False
    max_entries: int = 0
    max_bytes: int = 0

    def accepts(self, name: bytes) -> bool:
        """Whether a file or directory of this name (one part of a path) is packed."""
        if is_hidden(name) and not self.include_hidden:
            return False
        return self.include_litter or not is_junk(name)

    def check_limits(self, entries: int, size: int) -> None:
        """Raise ArchiveTooLargeError for more than one archive may hold; `size` is in bytes."""
        if self.max_entries and entries > self.max_entries:
            raise ArchiveTooLargeError(
                f"the directory has more than {self.max_entries} entries (max-entries)"
            )
        if self.max_bytes and size > self.max_bytes:
            raise ArchiveTooLargeError(f"the directory has more than {self.max_bytes} bytes (max-bytes)")
