"""The filter of a scan: hidden names, junk names, symbolic links and limits. Pure.

Junk: the files that FTP clients, browsers, file managers, NAS systems and file systems leave in directories.
"""

import re
from dataclasses import dataclass

from tornado_archiver.errors import ArchiveTooLargeError

_JUNK_PATTERNS = rb"""
    # Windows; the case matters for the names of the recycle bin before Vista, which are ordinary words
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
    # unfinished downloads: browsers, aria2, qBittorrent, uTorrent
    | .+\.(part|partial|crdownload|download|opdownload|aria2|!qb|!ut)
    # unfinished uploads: WinSCP; HiddenStores of ProFTPD and xfer:use-temp-file of lftp; pure-ftpd; Syncthing
    | .+\.filepart | \.in\..+ | \.pureftpd-(upload|rename)\..+ | [.~]syncthing[.~].+\.tmp
    # originals that exiftool keeps, with the GPS data that a user removed
    | .+\.(?=[0-9]*[a-z])[a-z0-9]{2,4}_original
"""
_JUNK = re.compile(_JUNK_PATTERNS, re.IGNORECASE | re.DOTALL | re.VERBOSE)


def is_hidden(name: bytes) -> bool:
    """Return whether `name`, one part of a path, starts with a dot."""
    return name.startswith(b".")


def is_junk(name: bytes) -> bool:
    """Return whether `name`, one part of a path, is junk. Ignores case, because most shares do."""
    return _JUNK.fullmatch(name) is not None


def is_never_served(path: bytes) -> bool:
    """Return whether a path beneath the photos root has a hidden or junk part.

    Such a path is refused whatever the settings are, because `#recycle` of a NAS and snapshots contain
    deleted directories under their hashes.
    """
    return any(is_hidden(part) or is_junk(part) for part in path.split(b"/"))


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """The settings of a scan. `follow_symlinks`: pack the target of a symlink, if it is in the source.
    `max_entries` limits the entries of one directory; 0 means no limit."""

    include_hidden: bool = False
    include_junk: bool = False
    follow_symlinks: bool = False
    max_entries: int = 0

    def accepts(self, name: bytes) -> bool:
        """Return whether a file or directory of this name, one part of a path, is packed."""
        if is_hidden(name) and not self.include_hidden:
            return False
        return self.include_junk or not is_junk(name)

    def check_entries(self, entries: int) -> None:
        """Raise ArchiveTooLargeError if the number of entries is above its limit."""
        if self.max_entries and entries > self.max_entries:
            raise ArchiveTooLargeError(
                f"the directory has more than {self.max_entries} entries (max-entries)"
            )
