"""The addresses that the service listens on."""

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
    """Take the address that these two settings name, one socket for each of those that the host has.

    Raises SettingsError."""
    host, port = (getattr(settings, name) for name in address)
    try:
        sockets = bind_sockets(port, host)
    except (OSError, UnicodeError) as error:  # what is no host name in DNS, such as a..b, is a UnicodeError
        host_key, port_key = (name.replace("_", "-") for name in address)
        origins = f"{host_key}: {settings.origins[address[0]]}, {port_key}: {settings.origins[address[1]]}"
        problem = error.strerror if isinstance(error, OSError) else "no host has such a name"
        raise SettingsError(
            f"cannot listen on {host} port {port} ({origins}): {problem};"
            " choose an address of this machine and a free port"
        ) from error
    _log_listening(sockets, "the admin's pages are on" if address == ADMIN else _LISTENING)
    return sockets


def open_public_sockets(settings: Settings) -> list[socket.socket]:
    """What the starter has opened already, in place of the visitors' address. Raises SettingsError."""
    inherited = listen_fds(os.environ)
    _log_listening(inherited, _LISTENING)
    return inherited or bind(settings)


def warn_address_changed(old: Settings, new: Settings) -> None:
    """A running service stays where it is."""
    for name in (*PUBLIC, *ADMIN):
        if getattr(old, name) != getattr(new, name):
            log.warning("%s: %s takes a restart", name.replace("_", "-"), getattr(new, name))


def _log_listening(sockets: list[socket.socket], what: str) -> None:
    for name in {str(listening.getsockname()): listening for listening in sockets}.values():
        log.info("%s %s", what, _url(name))


def _url(listening: socket.socket) -> str:
    if listening.family == socket.AF_UNIX:
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
