"""Listening sockets: bound to the configured addresses or inherited by socket activation."""

import logging
import os
import socket

from tornado.netutil import bind_sockets

from tornado_archiver import __version__
from tornado_archiver.errors import SettingsError
from tornado_archiver.runtime.socket_activation import listen_fds
from tornado_archiver.settings.options import Settings

log = logging.getLogger(__name__)

PUBLIC = ("host", "port")
ADMIN = ("admin_host", "admin_port")

_LISTENING = f"tornado-archiver {__version__} listening on"  # the first line of the log


def bind(settings: Settings, address: tuple[str, str] = PUBLIC) -> list[socket.socket]:
    """Bind the address in these two settings and return one socket for each address of the host.

    Raise SettingsError.
    """
    host, port = (getattr(settings, name) for name in address)
    try:
        sockets = bind_sockets(port, host)
    except (OSError, UnicodeError) as error:  # IDNA encoding of a name like a..b is a UnicodeError
        host_key, port_key = (name.replace("_", "-") for name in address)
        origins = f"{host_key}: {settings.origins[address[0]]}, {port_key}: {settings.origins[address[1]]}"
        problem = error.strerror if isinstance(error, OSError) else "not a valid host name"
        raise SettingsError(
            f"cannot listen on {host} port {port} ({origins}): {problem};"
            " choose an address of this machine and a free port"
        ) from error
    _log_listening(sockets, "admin endpoints on" if address == ADMIN else _LISTENING)
    return sockets


def open_public_sockets(settings: Settings) -> list[socket.socket]:
    """Return the sockets inherited by socket activation, else bind the public address.

    Raise SettingsError.
    """
    inherited = listen_fds(os.environ)
    _log_listening(inherited, _LISTENING)
    return inherited or bind(settings)


def warn_address_changed(old: Settings, new: Settings) -> None:
    """Warn that a reload does not change addresses."""
    for name in (*PUBLIC, *ADMIN):
        if getattr(old, name) != getattr(new, name):
            log.warning("changing %s to %s requires a restart", name.replace("_", "-"), getattr(new, name))


def _log_listening(sockets: list[socket.socket], prefix: str) -> None:
    for sock in {str(sock.getsockname()): sock for sock in sockets}.values():
        log.info("%s %s", prefix, _url(sock))


def _url(sock: socket.socket) -> str:
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
