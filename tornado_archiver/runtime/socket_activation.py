"""Socket activation: listening sockets that systemd has bound and this process inherits, sd_listen_fds(3).

systemd keeps them open while the service is stopped, so new connections wait in the listen queue.
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping

from tornado_archiver.errors import SettingsError

SD_LISTEN_FDS_START = 3  # sd-daemon.h
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def listen_fds(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the inherited sockets, [] without socket activation. Raise SettingsError.

    The variables are removed from `environ`, because they are not meant for child processes.
    """
    pid, count, _ = (environ.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()):
        return []
    if not count.isdecimal():
        raise SettingsError(f"LISTEN_FDS: {count!r} (environment variable) is not a number of descriptors")
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(_socket_from_fd(SD_LISTEN_FDS_START + index)) for index in range(int(count))
        ]
        stack.pop_all()
    return sockets


def _socket_from_fd(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise _bad_fd(fd) from error
    if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.detach()  # because the descriptor may belong to other code in this process
        raise _bad_fd(fd)
    sock.setblocking(False)
    sock.set_inheritable(False)
    return sock


def _bad_fd(fd: int) -> SettingsError:
    return SettingsError(
        f"LISTEN_FDS: descriptor {fd} is not a listening stream socket;"
        " set ListenStream= and Accept=no in the .socket unit"
    )
