"""Serving, and ending in peace: what runs may end, as far as there is time."""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from tornado.http1connection import HTTP1ServerConnection
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.iostream import IOStream

from tornado_archiver.limits.workers import ConnectionCount
from tornado_archiver.runtime.signals import WorkerSignals
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.net.acceptor import Acceptor
from tornado_archiver.web.net.sendfile import SendfileServer, SendfileStream

log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5
_NEW_CONNECTION_GRACE_S = 2  # more than a machine that is short of time needs to hear of it
_POLL_S = 0.1
_NO_TIMEOUT_S = 10**9
_USER_TIMEOUT_MARGIN_S = 6
_MAX_USER_TIMEOUT_MS = 2**31 - 1
_MAX_BODY_BYTES = 64 * 1024  # nobody has anything to send here


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a connection may take: seconds to say what it wants and seconds without taking what it was sent
    (0: as long as it likes), bytes for the head of a request, and seconds to end when the service does."""

    idle_timeout_s: float
    stall_timeout_s: float
    max_header_bytes: int
    drain_timeout_s: float


async def serve(
    app: ArchiverApplication,
    sockets: Sequence[socket.socket],
    share: ConnectionCount,
    orders: WorkerSignals,
    bounds: ConnectionLimits,
) -> None:
    """Serve until told to stop, let run what runs, cut it when told so or when its time is over."""
    server = DrainingServer(
        app,
        max_body_size=_MAX_BODY_BYTES,
        max_header_size=bounds.max_header_bytes,
        # for both a connection that waits for its next request and one that sends its head by drops
        idle_connection_timeout=bounds.idle_timeout_s or _NO_TIMEOUT_S,
        body_timeout=bounds.idle_timeout_s or None,
    )
    _set_tcp_user_timeout(sockets, bounds.stall_timeout_s)
    server.start_accepting(sockets, share)
    app.start()
    await orders.wait_stop(server.start_draining)
    if server.active_requests:
        downloads = "1 download" if server.active_requests == 1 else f"{server.active_requests} downloads"
        log.info("draining: %s", orders.deadline_text(downloads, bounds.drain_timeout_s))
    await _wait_first(server.wait_idle(), orders.wait_abort(bounds.drain_timeout_s))
    app.abort_downloads()
    await server.close_all_connections()
    await _wait_for_tasks()


def _set_tcp_user_timeout(sockets: Sequence[socket.socket], stall_timeout_s: float) -> None:
    """`StallMonitor` aborts stalled downloads; TCP_USER_TIMEOUT covers every other response, a few seconds
    later (tcp(7)). The connections that these sockets accept inherit it."""
    milliseconds = round((stall_timeout_s + _USER_TIMEOUT_MARGIN_S) * 1000) if stall_timeout_s else 0
    for listening in sockets:
        if listening.family != socket.AF_UNIX:
            listening.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(milliseconds, _MAX_USER_TIMEOUT_MS)
            )


async def _wait_first(*awaited: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(one) for one in awaited]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _wait_for_tasks() -> None:
    """Gives the requests that were cut the time to put away their programs and threads."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=_STOP_TIMEOUT_S)


class DrainingServer(SendfileServer):
    """A server that can leave without breaking anything off."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self._response_counts: dict[HTTP1ServerConnection, int] = {}  # how many each connection has had
        self._open = 0  # connections, with those that Tornado is only about to tell of
        self._connection_closed = asyncio.Event()

    def start_accepting(self, sockets: Sequence[socket.socket], share: ConnectionCount) -> None:
        """Let visitors in."""
        self._share = share
        self._set_open_connections(0)
        self._door = Acceptor(sockets, share, self._on_connection)

    def _on_connection(self, connection: socket.socket, address: Any) -> None:
        self._set_open_connections(self._open + 1)
        self.handle_stream(IOStream(connection), address)

    def _set_open_connections(self, connections: int) -> None:
        self._open = connections
        self._share.set(connections)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Tornado calls this whenever a connection begins to wait for a request."""
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
        """How many connections have asked for something that they have not got all of."""
        streams = (connection.stream for connection in self._response_counts)
        return sum(not stream.reading() and not stream.closed() for stream in streams)

    def start_draining(self) -> None:
        """Let nobody in, and answer no connection more than once."""
        self._door.close()
        self.conn_params.no_keep_alive = True

    async def wait_idle(self) -> None:
        """Returns when there are no connections any more. Those that have their answers are closed, which
        whoever keeps one has to expect (RFC 9112 9.3.1); a new one has a moment for its only request."""
        loop = asyncio.get_running_loop()
        enough = loop.time() + _NEW_CONNECTION_GRACE_S
        while self._open:
            self._close_idle(new_ones=loop.time() >= enough)
            self._connection_closed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._connection_closed.wait()

    def _close_idle(self, new_ones: bool) -> None:
        for connection, answers in list(self._response_counts.items()):
            stream = cast(SendfileStream, connection.stream)
            # a container takes its network with it, and what the kernel has still to send
            if stream.reading() and (answers or new_ones) and not stream.unacked_bytes():
                stream.close()
