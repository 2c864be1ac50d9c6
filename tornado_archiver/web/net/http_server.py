"""The HTTP server of a worker and its graceful shutdown."""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, cast

from tornado.http1connection import HTTP1ServerConnection
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerRequest
from tornado.iostream import IOStream

from tornado_archiver.limits.workers import ConnectionCount
from tornado_archiver.runtime.signals import WorkerSignals
from tornado_archiver.web.net.acceptor import Acceptor
from tornado_archiver.web.net.sendfile import SendfileServer, SendfileStream

log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5
_NEW_CONNECTION_GRACE_S = 2  # enough for a busy host to receive the request
_POLL_S = 0.1
_NO_TIMEOUT_S = 10**9
_USER_TIMEOUT_MARGIN_S = 6
_MAX_USER_TIMEOUT_MS = 2**31 - 1
_MAX_BODY_BYTES = 64 * 1024  # because no request needs a body


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of each connection.

    `idle_timeout_s`: for receiving a request. `stall_timeout_s`: without progress of a response. 0 turns
    either off. `max_header_bytes`: of the header section. `drain_timeout_s`: for running downloads at
    shutdown.
    """

    idle_timeout_s: float
    stall_timeout_s: float
    max_header_bytes: int
    drain_timeout_s: float


class ServedApplication(Protocol):
    """A Tornado application that checks and aborts its downloads."""

    def __call__(self, request: HTTPServerRequest) -> Any: ...

    def start(self) -> None: ...

    def abort_downloads(self) -> None: ...


async def serve(
    app: ServedApplication,
    sockets: Sequence[socket.socket],
    connection_count: ConnectionCount,
    signals: WorkerSignals,
    connection_limits: ConnectionLimits,
) -> None:
    """Serve until a stop signal, then drain, then abort the remaining downloads."""
    server = DrainingServer(
        app,
        max_body_size=_MAX_BODY_BYTES,
        max_header_size=connection_limits.max_header_bytes,
        # for idle connections, and for header sections that arrive slowly
        idle_connection_timeout=connection_limits.idle_timeout_s or _NO_TIMEOUT_S,
        body_timeout=connection_limits.idle_timeout_s or None,
    )
    _set_tcp_user_timeout(sockets, connection_limits.stall_timeout_s)
    server.start_accepting(sockets, connection_count)
    app.start()
    await signals.wait_stop(server.start_draining)
    if server.active_requests:
        downloads = "1 download" if server.active_requests == 1 else f"{server.active_requests} downloads"
        log.info("draining: %s", signals.deadline_text(downloads, connection_limits.drain_timeout_s))
    await _wait_first(server.wait_idle(), signals.wait_abort(connection_limits.drain_timeout_s))
    app.abort_downloads()
    await server.close_all_connections()
    await _wait_for_tasks()


def _set_tcp_user_timeout(sockets: Sequence[socket.socket], stall_timeout_s: float) -> None:
    """Set the timeout of unacknowledged data (tcp(7)); accepted connections inherit it.

    StallMonitor aborts stalled downloads. TCP_USER_TIMEOUT covers all other responses, a few seconds later.
    """
    milliseconds = round((stall_timeout_s + _USER_TIMEOUT_MARGIN_S) * 1000) if stall_timeout_s else 0
    for listener in sockets:
        if listener.family != socket.AF_UNIX:
            listener.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(milliseconds, _MAX_USER_TIMEOUT_MS)
            )


async def _wait_first(*coroutines: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _wait_for_tasks() -> None:
    """Give aborted requests time to clean up their subprocesses and threads."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=_STOP_TIMEOUT_S)


class DrainingServer(SendfileServer):
    """An HTTP server that can drain: finish running responses and close idle connections."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self._response_counts: dict[HTTP1ServerConnection, int] = {}  # of each connection
        self._open = 0  # connections, including those that Tornado has not reported yet
        self._connection_closed = asyncio.Event()

    def start_accepting(self, sockets: Sequence[socket.socket], connection_count: ConnectionCount) -> None:
        """Accept connections from these sockets. `start_draining` closes them."""
        self._connection_count = connection_count
        self._set_open_connections(0)
        self._acceptor = Acceptor(sockets, connection_count, self._on_connection)

    def _on_connection(self, connection: socket.socket, address: Any) -> None:
        self._set_open_connections(self._open + 1)
        self.handle_stream(IOStream(connection), address)

    def _set_open_connections(self, connections: int) -> None:
        self._open = connections
        self._connection_count.set(connections)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Count the responses. Tornado calls it when a connection starts to wait for a request."""
        connection = cast(HTTP1ServerConnection, server_conn)
        self._response_counts[connection] = self._response_counts.get(connection, -1) + 1
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        super().on_close(server_conn)
        del self._response_counts[cast(HTTP1ServerConnection, server_conn)]
        self._set_open_connections(self._open - 1)
        self._connection_closed.set()

    @property
    def active_requests(self) -> int:
        """The number of connections with an unfinished response."""
        streams = (connection.stream for connection in self._response_counts)
        return sum(not stream.reading() and not stream.closed() for stream in streams)

    def start_draining(self) -> None:
        """Stop accepting connections, and close each connection after its next response."""
        self._acceptor.close()
        self.conn_params.no_keep_alive = True

    async def wait_idle(self) -> None:
        """Wait until all connections are closed.

        Idle connections are closed at once, which clients must expect (RFC 9112 9.3.1). A new connection has
        _NEW_CONNECTION_GRACE_S seconds for its first request.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _NEW_CONNECTION_GRACE_S
        while self._open:
            self._close_idle(include_new=loop.time() >= deadline)
            self._connection_closed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._connection_closed.wait()

    def _close_idle(self, include_new: bool) -> None:
        for connection, responses in list(self._response_counts.items()):
            stream = cast(SendfileStream, connection.stream)
            # unacknowledged bytes would be lost if the container stops with its network namespace
            if stream.reading() and (responses or include_new) and not stream.unacked_bytes():
                stream.close()
