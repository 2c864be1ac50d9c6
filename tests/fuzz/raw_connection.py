"""Raw connections that send arbitrary bytes and read to the end."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

LAST_ID = "the-last-one"
# Sent after the test data: shows whether the connection still works, and its requests are still in sync
LAST_REQUEST = (
    f"GET /healthz HTTP/1.1\r\nHost: h\r\nX-Request-ID: {LAST_ID}\r\nConnection: close\r\n\r\n".encode()
)

_IDLE_TIMEOUT_S = 3  # for a service that waits for more data; long enough for a busy one
_CLOSE_TIMEOUT_S = 20  # until the service closes the connection after the client did


class End(Enum):
    CLOSED, RESET, IDLE = range(3)


@dataclass(frozen=True, slots=True)
class Exchange:
    """All data of one connection. `left`: the client closed it before the service. `reset`: the service reset
    it, as it does if it gets more data than it accepts; the last response can be lost then."""

    sent: bytes
    received: bytes
    left: bool
    reset: bool = False


def exchange(port: int, sent: bytes, idle_timeout_s: float = _IDLE_TIMEOUT_S) -> Exchange:
    """Send the data, and read until the end or the timeout; then close. Raise TimeoutError if the service
    does not close its side."""
    with socket.create_connection(("127.0.0.1", port), timeout=_CLOSE_TIMEOUT_S) as client:
        with suppress(ConnectionError):  # the service can close it first
            client.sendall(sent)
        client.settimeout(idle_timeout_s)
        received, end = _receive(client)
        if end is not End.IDLE:
            return Exchange(sent, received, left=False, reset=end is End.RESET)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        client.settimeout(_CLOSE_TIMEOUT_S)
        rest, end = _receive(client)
        if end is End.IDLE:
            raise TimeoutError(f"the service keeps a closed connection after {sent!r}")
        return Exchange(sent, received + rest, left=True)


def _receive(client: socket.socket) -> tuple[bytes, End]:
    """Return the data until the end of the connection or the timeout."""
    received = []
    try:
        while part := client.recv(262_144):
            received.append(part)
    except TimeoutError:
        return b"".join(received), End.IDLE
    except ConnectionError:
        return b"".join(received), End.RESET
    return b"".join(received), End.CLOSED
