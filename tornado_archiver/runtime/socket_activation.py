"""Listening sockets that whoever started this process has opened, as systemd does: see sd_listen_fds(3).

He holds them while the service is away, so those who come meanwhile wait instead of being refused.
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping

from tornado_archiver.errors import SettingsError

SD_LISTEN_FDS_START = 3  # SD_LISTEN_FDS_START
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def listen_fds(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Those that are meant for this process; none is the usual case. The variables are taken out of
    `environ`, because they are not meant for what this process starts. Raises SettingsError."""
    pid, count, _ = (environ.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()):
        return []
    if not count.isdecimal():
        raise SettingsError(f"LISTEN_FDS: {count!r} (environment variable) is not a number of descriptors")
    with contextlib.ExitStack() as undo:
        sockets = [
            undo.enter_context(_socket_from_fd(SD_LISTEN_FDS_START + number)) for number in range(int(count))
        ]
        undo.pop_all()
    return sockets


def _socket_from_fd(descriptor: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        raise _bad_fd(descriptor) from error
    if found.type != socket.SOCK_STREAM or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.detach()  # whose it is nobody knows
        raise _bad_fd(descriptor)
    found.setblocking(False)
    found.set_inheritable(False)
    return found


def _bad_fd(descriptor: int) -> SettingsError:
    return SettingsError(
        f"LISTEN_FDS: descriptor {descriptor} is no listening stream socket; systemd's .socket unit"
        " wants ListenStream= and Accept=no"
    )
