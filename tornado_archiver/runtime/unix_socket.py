"""Listening Unix sockets, unix(7): a stale file is replaced, and the file is removed at the end."""

import errno
import os
import socket
import stat

# Any local user can connect, as to a port of 127.0.0.1; the directory restricts it. The umask does not count,
# because a proxy such as nginx runs as another user.
_MODE = 0o666
# A full queue is an error for clients, not a wait (EAGAIN); the kernel lowers it to net.core.somaxconn
_BACKLOG = 4096
MAX_SOCKET_PATH_BYTES = 107  # sun_path in unix(7), without the NUL


class UnixListener(socket.socket):
    """A socket that listens on `path`. `close` removes the file, but only in the process that created it.

    The constructor raises OSError if another process serves the path, or if it is not a socket.
    """

    def __init__(self, path: str) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path, self._creator_pid = path, os.getpid()
        self._file: tuple[int, int] | None = None
        try:
            _remove_stale(path)
            self.bind(path)
            self._file = _identity(path)
            os.chmod(path, _MODE)
            self.listen(_BACKLOG)
            self.setblocking(False)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close, and remove the file unless another process has replaced it."""
        if self._file and self._creator_pid == os.getpid() and _identity(self._path) == self._file:
            os.unlink(self._path)
        self._file = None
        super().close()


def _identity(path: str) -> tuple[int, int] | None:
    """Return device and inode, None if there is no such file."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_stale(path: str) -> None:
    """Remove the socket of a process that ended without removing it. Raise OSError for any other file."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "the file exists and is not a socket")
    if _is_served(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    os.unlink(path)


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        try:
            client.connect(path)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:  # its queue is full
            pass
    return True
