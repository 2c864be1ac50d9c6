"""Listening sockets: bound to the configured addresses or inherited by socket activation."""

import logging
import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tornado.netutil import bind_sockets

from tornado_archiver import __version__
from tornado_archiver.errors import SettingsError
from tornado_archiver.runtime.socket_activation import listen_fds
from tornado_archiver.runtime.unix_socket import UnixListener
from tornado_archiver.settings.options import DEFAULT, Settings
from tornado_archiver.settings.types import unix_path

log = logging.getLogger(__name__)

_LISTENING = f"tornado-archiver {__version__} listening on"  # the first line of the log
_ADMIN_LISTENING = "admin endpoints on"
_TCP_REMEDY = "choose an address of this machine and a free port"
_UNIX_REMEDY = "choose an unused path in a directory where the service can create files"


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a setting. `port` does not apply to a Unix socket. `origins` is for messages."""

    host: str
    port: int
    origins: str

    def __str__(self) -> str:
        return self.host if unix_path(self.host) else f"{self.host} port {self.port}"


def public_addresses(settings: Settings) -> list[Address]:
    origins = f"host: {settings.origins['host']}, port: {settings.origins['port']}"
    return [Address(host, settings.port, origins) for host in settings.host]


def admin_addresses(settings: Settings) -> list[Address]:
    """Return the addresses of the admin endpoints: each Unix socket, and the others if there is a port."""
    origins = f"admin-host: {settings.origins['admin_host']}, admin-port: {settings.origins['admin_port']}"
    return [
        Address(host, settings.admin_port, origins)
        for host in settings.admin_host
        if unix_path(host) or settings.admin_port
    ]


def bind(addresses: Iterable[Address]) -> list[socket.socket]:
    """Return listening sockets: one for each Unix socket, and one for each IP address of a host name.

    Port 0 is one free port for all of them. Raise SettingsError.
    """
    free_port = 0
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        for address in addresses:
            for sock in _bind(address, address.port or free_port):
                sockets.append(stack.enter_context(sock))
                free_port = free_port or _port(sock)
        stack.pop_all()
    return sockets


def _bind(address: Address, port: int) -> Sequence[socket.socket]:
    path = unix_path(address.host)
    try:
        return [UnixListener(path)] if path else bind_sockets(port, address.host)
    except (OSError, UnicodeError) as error:  # IDNA encoding of a name like a..b is a UnicodeError
        problem = error.strerror if isinstance(error, OSError) else "not a valid host name"
        remedy = _UNIX_REMEDY if path else _TCP_REMEDY
        raise SettingsError(f"cannot listen on {address} ({address.origins}): {problem}; {remedy}") from error


def open_public_sockets(settings: Settings) -> list[socket.socket]:
    """Return the sockets inherited by socket activation, else bind the public addresses.

    Raise SettingsError.
    """
    inherited = listen_fds(os.environ)
    sockets = inherited or bind(public_addresses(settings))
    _log_listening(sockets, _LISTENING)
    if inherited:
        _warn_unused_address(settings, inherited)
    return sockets


def open_admin_sockets(settings: Settings) -> list[socket.socket]:
    """Bind the admin addresses. Raise SettingsError."""
    sockets = bind(admin_addresses(settings))
    _log_listening(sockets, _ADMIN_LISTENING)
    return sockets


def warn_address_changed(old: Settings, new: Settings) -> None:
    """Warn that a reload does not change addresses."""
    for name in ("host", "port", "admin_host", "admin_port"):
        value = getattr(new, name)
        if getattr(old, name) != value:
            text = ",".join(value) if isinstance(value, tuple) else value
            log.warning("changing %s to %s requires a restart", name.replace("_", "-"), text)


def _warn_unused_address(settings: Settings, inherited: Sequence[socket.socket]) -> None:
    """Warn of an address in the settings that is not among those of the inherited sockets."""
    used = {
        "host": {_host(sock) for sock in inherited}.issuperset(settings.host),
        "port": settings.port in map(_port, inherited),
    }
    for name, is_used in used.items():
        if settings.origins[name] != DEFAULT and not is_used:
            log.warning(
                "%s: not used (%s): the listening sockets are inherited, as from a systemd .socket unit",
                name,
                settings.origins[name],
            )


def _log_listening(sockets: Iterable[socket.socket], prefix: str) -> None:
    for sock in {str(sock.getsockname()): sock for sock in sockets}.values():
        log.info("%s %s", prefix, _url(sock))


def _url(sock: socket.socket) -> str:
    host, port = _host(sock), _port(sock)
    if unix_path(host):
        return host
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _host(sock: socket.socket) -> str:
    """Return the address of a socket, as in the setting host."""
    name = sock.getsockname()
    return f"unix:{name}" if sock.family == socket.AF_UNIX else str(name[0])


def _port(sock: socket.socket) -> int:
    """Return the port of a socket, 0 for a Unix socket."""
    return 0 if sock.family == socket.AF_UNIX else int(sock.getsockname()[1])
