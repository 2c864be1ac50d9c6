"""Connections that send file slices with sendfile(2), so that the bytes do not pass through Python.

Only for plain sockets, because TLS encrypts in user space: such a connection keeps Tornado's stream, and the
handler reads the files.
"""

import asyncio
import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from tornado_archiver.errors import SourceChangedError, SourceUnreadableError
from tornado_archiver.source import Chunk, FileSlice
from tornado_archiver.telemetry.transfer import Transfer

# Limit of unsent bytes in the kernel (tcp(7)). By default it buffers 4 MB for each client that does not read.
# No download was slower with this limit: docs/load-tests.md
_NOTSENT_LOWAT = 256 * 1024
_MAX_DISCARD, _READ_BYTES = 1024 * 1024, 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds
# Responses to requests that no handler sees, with the headers that a handler would set
_HEADERS = b"X-Robots-Tag: noindex, nofollow\r\n\r\n"
_RESPONSE_431 = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _HEADERS  # RFC 6585 5
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n"
_TORNADO_BAD_REQUEST = _BAD_REQUEST + b"\r\n"

# Errors of the connection; all other errors of sendfile(2) are errors of the file
_DISCONNECT_ERRORS = (ConnectionError, TimeoutError)


def _disk_error(error: OSError) -> SourceUnreadableError:
    return SourceUnreadableError(f"a file cannot be sent: {error.strerror}")


def abort(stream: IOStream) -> None:
    """Close with a TCP reset, so that the client does not take it for the end of the body.

    On a Unix socket, an incomplete chunked body or Content-Length shows the abort.
    """
    if not stream.closed():
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        stream.close()


def hides_abort(stream: IOStream, http_version: str) -> bool:
    """Return whether an abort of a body of unknown length looks like its end.

    Before HTTP/1.1 there are no chunks, and a Unix socket has no reset.
    """
    sock = stream.socket  # None if the client has disconnected
    return http_version != "HTTP/1.1" and sock is not None and sock.family == socket.AF_UNIX


class SendfileServer(HTTPServer):
    """An HTTPServer that uses SendfileStream for plain connections."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if type(stream) is IOStream:
            if stream.socket.family != socket.AF_UNIX:
                stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOTSENT_LOWAT)
            stream = SendfileStream(stream.socket, max_buffer_size=stream.max_buffer_size)
        super().handle_stream(stream, address)


class SendfileStream(IOStream):
    """An IOStream with `write_chunk`, which bypasses its buffer. Sends a 431 for a large header section."""

    _waiting: "asyncio.Future[None] | None" = None
    written = 0  # bytes that the kernel has accepted, headers included, to find out what is acknowledged

    def unacked_bytes(self) -> int:
        """Return the number of written bytes that the client has not acknowledged (SIOCOUTQ, tcp(7)).

        For a Unix socket it is the memory of the data that the other end has not read, 0 if it has read all.
        """
        if self.closed():
            return 0
        count = fcntl.ioctl(self.fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(count, sys.byteorder)

    def write_to_fd(self, data: memoryview) -> int:
        count = super().write_to_fd(data)
        self.written += count
        return count

    def write(self, data: bytes | memoryview) -> "asyncio.Future[None]":
        return super().write(_BAD_REQUEST + _HEADERS if data == _TORNADO_BAD_REQUEST else data)

    async def write_chunk(
        self, chunk: Chunk, transfer: Transfer, timeout_s: Callable[[], float | None]
    ) -> bool:
        """Send the chunk. The buffer of `write` must be empty.

        `transfer` counts the bytes that the kernel accepts. `timeout_s` is called before each wait and
        returns its limit in seconds, None for no limit. Return False after such a timeout.

        Raise StreamClosedError, SourceChangedError, SourceUnreadableError. The caller closes the stream;
        closing it here would cancel the caller before it could read the error.
        """
        try:
            if isinstance(chunk, bytes):
                return await self._send_bytes(chunk, 0, transfer, timeout_s)
            has_sent_head = await self._send_bytes(chunk.prefix, socket.MSG_MORE, transfer, timeout_s)
            return has_sent_head and await self._send_file(chunk, transfer, timeout_s)
        except StreamClosedError:
            raise
        except _DISCONNECT_ERRORS as error:
            raise StreamClosedError(real_error=error) from error
        except OSError as error:
            raise _disk_error(error) from error

    async def _send_bytes(
        self, data: bytes, flags: int, transfer: Transfer, timeout_s: Callable[[], float | None]
    ) -> bool:
        rest = memoryview(data)
        while rest:
            count = await self._send_when_writable(partial(self.socket.send, rest, flags), timeout_s)
            if count is None:
                return False
            transfer.bytes_sent += count
            rest = rest[count:]
        return True

    async def _send_file(
        self, file_slice: FileSlice, transfer: Transfer, timeout_s: Callable[[], float | None]
    ) -> bool:
        offset, socket_fd = file_slice.start, self.socket.fileno()
        while offset < file_slice.stop:
            send = partial(os.sendfile, socket_fd, file_slice.fd, offset, file_slice.stop - offset)
            count = await self._send_when_writable(send, timeout_s)
            if count is None:
                return False
            if not count:
                raise SourceChangedError("a file shrank while it was sent")
            transfer.bytes_sent += count
            offset += count
        return True

    async def _send_when_writable(
        self, send: Callable[[], int], timeout_s: Callable[[], float | None]
    ) -> int | None:
        """Return the result of `send` when the socket is writable, None after a timeout.

        Raise StreamClosedError.
        """
        while not self.closed():
            try:
                count = send()
            except BlockingIOError:
                try:
                    async with asyncio.timeout(timeout_s()):
                        await self.writable()
                except TimeoutError:
                    return None
            else:
                self.written += count
                return count
        raise StreamClosedError(real_error=self.error)

    async def writable(self) -> None:
        """Wait until the socket is writable. Raise StreamClosedError."""
        if not self.closed():
            await self._writable()
        if self.closed():
            raise StreamClosedError(real_error=self.error)

    def _writable(self) -> Awaitable[None]:
        # Tornado registers only a reader for this descriptor while its write buffer is empty
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        loop.add_writer(self.fileno(), self._on_writable)
        return self._waiting

    def _on_writable(self) -> None:
        asyncio.get_running_loop().remove_writer(self.fileno())
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        self._waiting = None

    def close(self, exc_info: Any = False) -> None:
        is_head = isinstance(exc_info, UnsatisfiableReadError) and self._read_regex is not None
        if is_head and not self.closed():
            self._send_431()
        super().close(exc_info)

    def _send_431(self) -> None:
        """Send a 431 before the connection is closed.

        Tornado closes without a response. Proxies count that as a server failure: Caddy then stops forwarding
        requests of all clients for a while.
        """
        with suppress(OSError):
            for _ in range(_MAX_DISCARD // _READ_BYTES):  # because closing with unread bytes sends a reset
                if not self.socket.recv(_READ_BYTES):
                    break
        with suppress(OSError):
            self.socket.send(_RESPONSE_431)

    def close_fd(self) -> None:
        """Remove the writer first, because the next connection may reuse the descriptor. Tornado calls it."""
        if self._waiting is not None:
            self._on_writable()
        super().close_fd()
