"""Where visitors come in, one at a time: Tornado's own accepts all that are there, up to 128."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from tornado_archiver.limits.workers import ConnectionCount

log = logging.getLogger(__name__)

_ACCEPT_DELAY_S = 0.002  # for a worker with a smaller share, which has been woken up as well
_ACCEPT_RETRY_DELAY_S = 1
_RESOURCE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Hands every connection to `on_connection` until it is closed, with the sockets that it comes from."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        share: ConnectionCount,
        on_connection: Callable[[socket.socket, Any], None],
    ) -> None:
        self._sockets = sockets
        self._share = share
        self._enter = on_connection
        self._loop = asyncio.get_running_loop()
        for listening in sockets:
            self._loop.add_reader(listening, self._on_readable, listening)

    def close(self) -> None:
        self._share.stop_counting()
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()

    def _on_readable(self, listening: socket.socket) -> None:
        if self._share.is_above_minimum():
            self._pause(listening, _ACCEPT_DELAY_S)
        else:
            self._accept(listening)

    def _pause(self, listening: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listening)
        self._loop.call_later(seconds, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._on_readable, listening)
            self._accept(listening)  # who is still there has not been taken by the others

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, address = listening.accept()
        except OSError as error:
            # all others mean that another worker was faster, or tell what was wrong with that connection
            if error.errno in _RESOURCE_ERRNOS:
                log.error("nobody can come in for %d s: %s", _ACCEPT_RETRY_DELAY_S, error.strerror)
                self._pause(listening, _ACCEPT_RETRY_DELAY_S)
            return
        self._enter(connection, address)
