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

from tornado_archiver.orders import Orders
from tornado_archiver.shares import Share
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.door import Door
from tornado_archiver.web.sendfile_stream import SendfileServer, SendfileStream

log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5
_FIRST_REQUEST_S = 2  # more than a machine that is short of time needs to hear of it
_LOOK_S = 0.1
_FOR_EVER_S = 10**9
_AFTER_THE_WATCH_S = 6
_LONGEST_MS = 2**31 - 1
_MAX_BODY_BYTES = 64 * 1024  # nobody has anything to send here


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a connection may take: seconds to say what it wants and seconds without taking what it was sent
    (0: as long as it likes), bytes for the head of a request, and seconds to end when the service does."""

    idle_timeout_s: float
    stall_timeout_s: float
    max_header_bytes: int
    drain_timeout_s: float


async def serve(
    app: ArchiverApplication,
    sockets: Sequence[socket.socket],
    share: Share,
    orders: Orders,
    bounds: Bounds,
) -> None:
    """Serve until told to stop, let run what runs, cut it when told so or when its time is over."""
    server = RetiringServer(
        app,
        max_body_size=_MAX_BODY_BYTES,
        max_header_size=bounds.max_header_bytes,
        # for both a connection that waits for its next request and one that sends its head by drops
        idle_connection_timeout=bounds.idle_timeout_s or _FOR_EVER_S,
        body_timeout=bounds.idle_timeout_s or None,
    )
    _hang_up_on_the_deaf(sockets, bounds.stall_timeout_s)
    server.open(sockets, share)
    app.start()
    await orders.to_retire(server.retire)
    if server.busy:
        time_left = orders.time_left(bounds.drain_timeout_s)
        downloads = "1 download" if server.busy == 1 else f"{server.busy} downloads"
        log.info("draining: %s may take %s", downloads, time_left)
    await _first_of(server.left_alone(), orders.to_cut(bounds.drain_timeout_s))
    app.stop()
    await server.close_all_connections()
    await _all_done()


def _hang_up_on_the_deaf(sockets: Sequence[socket.socket], stall_timeout_s: float) -> None:
    """Of those who take nothing, the `Watch` cuts the downloads; nobody looks after what else they leave,
    pages above all. The kernel does, a moment later (tcp(7)): what these sockets accept inherits it."""
    milliseconds = round((stall_timeout_s + _AFTER_THE_WATCH_S) * 1000) if stall_timeout_s else 0
    for listening in sockets:
        if listening.family != socket.AF_UNIX:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(milliseconds, _LONGEST_MS))


async def _first_of(*awaited: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(one) for one in awaited]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _all_done() -> None:
    """Gives the requests that were cut the time to put away their programs and threads."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=_STOP_TIMEOUT_S)


class RetiringServer(SendfileServer):
    """A server that can leave without breaking anything off."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self._answers: dict[HTTP1ServerConnection, int] = {}  # how many each connection has had
        self._open = 0  # connections, with those that Tornado is only about to tell of
        self._left = asyncio.Event()

    def open(self, sockets: Sequence[socket.socket], share: Share) -> None:
        """Let visitors in."""
        self._share = share
        self._count(0)
        self._door = Door(sockets, share, self._enter)

    def _enter(self, connection: socket.socket, address: Any) -> None:
        self._count(self._open + 1)
        self.handle_stream(IOStream(connection), address)

    def _count(self, connections: int) -> None:
        self._open = connections
        self._share.hold(connections)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Tornado calls this whenever a connection begins to wait for a request."""
        connection = cast(HTTP1ServerConnection, server_conn)
        self._answers[connection] = self._answers.get(connection, -1) + 1
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        super().on_close(server_conn)
        del self._answers[cast(HTTP1ServerConnection, server_conn)]
        self._count(self._open - 1)
        self._left.set()

    @property
    def busy(self) -> int:
        """How many connections have asked for something that they have not got all of."""
        streams = (connection.stream for connection in self._answers)
        return sum(not stream.reading() and not stream.closed() for stream in streams)

    def retire(self) -> None:
        """Let nobody in, and answer no connection more than once."""
        self._door.close()
        self.conn_params.no_keep_alive = True

    async def left_alone(self) -> None:
        """Returns when there are no connections any more. Those that have their answers are closed, which
        whoever keeps one has to expect (RFC 9112 9.3.1); a new one has a moment for its only request."""
        loop = asyncio.get_running_loop()
        enough = loop.time() + _FIRST_REQUEST_S
        while self._open:
            self._close_waiting(new_ones=loop.time() >= enough)
            self._left.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._left.wait()

    def _close_waiting(self, new_ones: bool) -> None:
        for connection, answers in list(self._answers.items()):
            stream = cast(SendfileStream, connection.stream)
            # a container takes its network with it, and what the kernel has still to send
            if stream.reading() and (answers or new_ones) and not stream.unsent():
                stream.close()
