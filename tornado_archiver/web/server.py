"""Listening, and stopping when told to."""

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence

from tornado.netutil import bind_sockets

from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.sendfile_stream import SendfileServer

log = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_STOP_TIMEOUT_S = 5
_MAX_BODY_BYTES = 64 * 1024  # nobody has anything to send here


def listen(host: str, port: int) -> list[socket.socket]:
    """Take the address, one socket for each of those that the host has. Raises OSError."""
    return bind_sockets(port, host)


async def serve(app: ArchiverApplication, sockets: Sequence[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT, then cut what runs and return."""
    server = SendfileServer(app, max_body_size=_MAX_BODY_BYTES)
    server.add_sockets(sockets)
    for address in {listening.getsockname()[:2] for listening in sockets}:
        log.info("listening on %s", _url(*address))
    await _told_to_stop()
    log.info("stopping")
    server.stop()
    app.stop()
    await server.close_all_connections()
    await _all_done()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


async def _told_to_stop() -> None:
    told = asyncio.Event()
    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


async def _all_done() -> None:
    """Gives the requests that were cut the time to put away their programs and threads."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=_STOP_TIMEOUT_S)
