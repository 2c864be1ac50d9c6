"""Accepting connections one at a time, because Tornado would accept up to 128 in one worker."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from tornado_archiver.limits.workers import ConnectionCount

log = logging.getLogger(__name__)

_ACCEPT_DELAY_S = 0.002  # so that a worker with fewer connections, which was woken up too, can accept
_ACCEPT_RETRY_DELAY_S = 1
_RESOURCE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Passes each accepted connection to `on_connection`. Owns `sockets`: `close` closes them."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        connection_count: ConnectionCount,
        on_connection: Callable[[socket.socket, Any], None],
    ) -> None:
        self._sockets = sockets
        self._connection_count = connection_count
        self._on_connection = on_connection
        self._loop = asyncio.get_running_loop()
        for listener in sockets:
            self._loop.add_reader(listener, self._on_readable, listener)

    def close(self) -> None:
        self._connection_count.stop_counting()
        for listener in self._sockets:
            self._loop.remove_reader(listener)
            listener.close()

    def _on_readable(self, listener: socket.socket) -> None:
        if self._connection_count.is_above_minimum():
            self._pause(listener, _ACCEPT_DELAY_S)
        else:
            self._accept(listener)

    def _pause(self, listener: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listener)
        self._loop.call_later(seconds, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._on_readable, listener)
            self._accept(listener)  # a connection that still waits was not accepted by another worker

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, address = listener.accept()
        except OSError as error:
            # other errors mean that another worker was faster, or that the connection has failed
            if error.errno in _RESOURCE_ERRNOS:
                log.error("accept failed: %s; retrying in %d s", error.strerror, _ACCEPT_RETRY_DELAY_S)
                self._pause(listener, _ACCEPT_RETRY_DELAY_S)
            return
        self._on_connection(connection, address)
