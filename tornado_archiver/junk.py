"""Names that are hidden, and names that are junk. Pure.

Junk is what FTP clients, browsers, file managers, NAS systems and file systems leave in a directory.
"""

import re

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
