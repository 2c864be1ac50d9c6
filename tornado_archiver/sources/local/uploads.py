"""Detection of uploads: files that were modified a moment ago, or that a process holds open for writing.

The kernel refuses a read lease (fcntl(2), Leases) on a file that is open for writing, and on one with a
writable mapping. It accepts the request of the file's owner and of a process with CAP_LEASE only. For
other files, the modification time decides alone. A lease is released at once. A process that opens the file
for writing in between waits in open(2) for these microseconds; with O_NONBLOCK, it would get EWOULDBLOCK.
"""

import ctypes
import errno
import fcntl
import heapq
import math
import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from operator import attrgetter

from tornado_archiver.errors import UploadInProgressError
from tornado_archiver.runtime.cancellation import check_cancelled
from tornado_archiver.source import Entry
from tornado_archiver.sources.local.openat import OpenDirectories, open_file
from tornado_archiver.sources.local.walk import WalkResult

# How long an upload can stall before the server drops it: 3,600 s is the default TimeoutStalled of ProFTPD,
# and more than data_connection_timeout of vsftpd (300 s) and -I of pure-ftpd (15 minutes)
_MAX_STALL_S = 3600
# The newest are asked, because a question takes as long as the scan of an entry (8 µs). An upload is missed
# if it stalls while other connections upload so many files.
_MAX_ASKED = 500
_NS_PER_S = 1_000_000_000
_mtime_ns = attrgetter("mtime_ns")

# f_type (statfs(2)) of the file systems that refuse a read lease only to a file that is open for writing,
# because their files use the kernel's generic_setlease(). NFSv4 (nfs4_setlease) and CIFS (cifs_setlease)
# refuse one to every file for which the server granted no delegation or oplock. Others answer EINVAL. FUSE
# sees only writers on the same mount, and to open a file there may take a round trip to a server.
_TRUTHFUL_TYPES = {
    0xEF53,  # ext2, ext3, ext4
    0x58465342,  # xfs
    0x9123683E,  # btrfs
    0x01021994,  # tmpfs
    0x794C7630,  # overlayfs: writers through this mount, not those of the layer beneath
    0xF2F52010,  # f2fs
    0x2FC12FC1,  # ZFS
    0xCA451A4E,  # bcachefs
}
_F_SETSIG = 10  # fcntl(2); not in the module fcntl
_STATFS_BYTES = 256  # more than struct statfs has on any architecture; its first field is f_type, a long

# PyDLL keeps the interpreter's lock, so that no other thread runs while a lease is held
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.fcntl.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long)


def fresh_since_ns(settle_time_s: float) -> int | None:
    """Return the oldest ctime of the files that `check_uploads` asks the kernel about; None for none."""
    return time.time_ns() - _MAX_STALL_S * _NS_PER_S if settle_time_s else None


def check_uploads(source_fd: int, walked: WalkResult, settle_time_s: float) -> None:
    """Raise UploadInProgressError if a file of the source is being uploaded; 0 turns the checks off.

    A file counts if it was modified less than `settle_time_s` seconds ago, but not if its modification time
    is in the future, because cameras with a wrong clock produce such files. It also counts if it is open for
    writing as far as the kernel reports it.
    """
    if not settle_time_s:
        return
    _check_modified(walked.entries, settle_time_s)
    entry = _find_open_for_writing(source_fd, walked.fresh)
    if entry:
        raise UploadInProgressError(
            f"{entry.member_name!r} is open for writing", max(1, math.ceil(settle_time_s))
        )


def _check_modified(entries: Collection[Entry], settle_time_s: float) -> None:
    now_ns = time.time_ns()  # after the scan, so that the file of a running upload is not in the future
    settled_ns = now_ns - int(settle_time_s * _NS_PER_S)
    if max(map(_mtime_ns, entries), default=0) <= settled_ns:  # fast, for thousands of entries
        return
    recent = [entry for entry in entries if settled_ns < entry.mtime_ns <= now_ns and not entry.is_directory]
    if recent:
        newest = max(recent, key=_mtime_ns)
        wait_s = math.ceil((newest.mtime_ns - settled_ns) / _NS_PER_S)
        raise UploadInProgressError(f"{newest.member_name!r} was modified a moment ago", wait_s)


def _find_open_for_writing(source_fd: int, fresh: Collection[tuple[int, Entry]]) -> Entry | None:
    """Return a file that is open for writing, of those with the newest ctimes. None if there is none."""
    if not fresh or not _is_truthful(source_fd):
        return None
    asked = [entry for _, entry in heapq.nlargest(_MAX_ASKED, fresh)]
    with OpenDirectories(source_fd) as parents:
        for entry in sorted(asked):  # so that each directory is opened once
            check_cancelled()
            with suppress(OSError):  # removed, or unreadable: not for this check
                if _is_open_for_writing(parents, entry.source_key):
                    return entry
    return None


def _is_open_for_writing(parents: OpenDirectories, source_key: bytes) -> bool:
    parent, _, name = source_key.rpartition(b"/")
    fd = open_file(parents.open(parent), name)
    try:
        return _refuses_read_lease(fd) and _is_truthful(fd)  # again, because it can be on another mount
    finally:
        os.close(fd)


def _refuses_read_lease(fd: int) -> bool:
    """Return whether the kernel refuses a read lease; False if this process may not ask."""
    # The kernel sends a signal to the holder when another process opens the file for writing. The default,
    # SIGIO, would terminate this process. SIGURG is ignored (signal(7)).
    if _libc.fcntl(fd, _F_SETSIG, signal.SIGURG) != 0:
        return False
    if _libc.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK) == 0:
        # explicitly, because a program that another thread starts shares the descriptor until its exec
        _libc.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    return ctypes.get_errno() == errno.EAGAIN


def _is_truthful(fd: int) -> bool:
    status = ctypes.create_string_buffer(_STATFS_BYTES)
    if _libc.fstatfs(fd, status) != 0:
        return False
    return ctypes.c_ulong.from_buffer(status).value & 0xFFFFFFFF in _TRUTHFUL_TYPES
