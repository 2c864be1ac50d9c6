"""HTTP client with minimal processor time, so that the server can use the machine.

The kernel discards the body (MSG_TRUNC, tcp(7)) without a copy; on loopback this saves the 0.1 to 0.2 CPU
seconds per GB that curl takes. The client still parses the framing: a body that ends early is an error.
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_TIMEOUT_S = 300
_MAX_HEADER_SECTION = 64 * 1024
_MAX_SIZE_LINE = 32
_buffer = bytearray(1 << 20)  # never written to: its length limits how much one call discards


class BrokenDownloadError(Exception):
    """The response was not an archive, or was incomplete."""


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    status: int
    length: int | None
    chunked: bool


@dataclass(frozen=True, slots=True)
class Download:
    """`received`: bytes of the body without chunked framing. Both times start at the connect."""

    status: int
    received: int
    time_to_first_byte_s: float
    seconds: float


def download(port: int, path: str, *headers: str) -> Download:
    """Download and discard a complete body. Raises BrokenDownloadError."""
    started = time.perf_counter()
    with send_request(port, path, *headers) as connection:
        response = read_headers(connection)
        if response.status not in (200, 206):
            raise BrokenDownloadError(f"{path}: unexpected status {response.status}")
        if not connection.recv(1, socket.MSG_PEEK):
            raise BrokenDownloadError(f"{path}: empty body")
        time_to_first_byte_s = time.perf_counter() - started
        received = _discard_body(connection, response)
    return Download(response.status, received, time_to_first_byte_s, time.perf_counter() - started)


@contextmanager
def send_request(
    port: int, path: str, *headers: str, version: str = "1.1", receive_buffer: int = 0
) -> Iterator[socket.socket]:
    """Send a GET request and yield its connection. `receive_buffer`: bytes, 0 for the kernel's default."""
    request = [
        f"GET {path} HTTP/{version}",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: benchmark",
        "Connection: close",
        *headers,
    ]
    with socket.socket() as connection:
        connection.settimeout(_TIMEOUT_S)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(("127.0.0.1", port))
        connection.sendall(("\r\n".join(request) + "\r\n\r\n").encode())
        yield connection


def read_headers(connection: socket.socket) -> ResponseHeaders:
    """Read the header section and nothing after it. Raises BrokenDownloadError."""
    text = _read_until(connection, b"\r\n\r\n", _MAX_HEADER_SECTION).decode("latin-1").lower()
    length = re.search(r"^content-length: *(\d+)", text, re.MULTILINE)
    return ResponseHeaders(
        status=int(text.split()[1]),
        length=int(length[1]) if length else None,
        chunked=re.search(r"^transfer-encoding: *chunked", text, re.MULTILINE) is not None,
    )


def _discard_body(connection: socket.socket, headers: ResponseHeaders) -> int:
    if headers.chunked:
        return sum(_chunk_sizes(connection))
    if headers.length is None:
        return _discard_to_eof(connection)
    _discard(connection, headers.length)
    return headers.length


def _chunk_sizes(connection: socket.socket) -> Iterator[int]:
    while size := int(_read_until(connection, b"\r\n", _MAX_SIZE_LINE), 16):
        _discard(connection, size + len("\r\n"))
        yield size


def _discard_to_eof(connection: socket.socket) -> int:
    received = 0
    while count := connection.recv_into(_buffer, len(_buffer), socket.MSG_TRUNC):
        received += count
    return received


def _discard(connection: socket.socket, remaining: int) -> None:
    while remaining:
        count = connection.recv_into(_buffer, min(remaining, len(_buffer)), socket.MSG_TRUNC)
        if not count:
            raise BrokenDownloadError(f"incomplete body: {remaining} bytes missing")
        remaining -= count


def _read_until(connection: socket.socket, end: bytes, limit: int) -> bytes:
    """Return the data before `end`; consume it and `end`, but nothing after it."""
    while True:
        seen = connection.recv(limit, socket.MSG_PEEK)
        if end in seen:
            text = seen.partition(end)[0]
            connection.recv(len(text) + len(end))
            return text
        if not seen or len(seen) == limit:
            raise BrokenDownloadError(f"{end!r} not found after {seen!r}")
        time.sleep(0.0001)
