"""Connections on which anything may be said, up to their end."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

LAST_ID = "the-last-one"
# Behind what is thrown at the service: is it still listened to, and is the connection still in step?
LAST_REQUEST = (
    f"GET /healthz HTTP/1.1\r\nHost: h\r\nX-Request-ID: {LAST_ID}\r\nConnection: close\r\n\r\n".encode()
)

_SILENCE_S = 3  # of a service that waits for more, which it hardly ever does; a busy one has to be heard out
_PATIENCE_S = 20  # for it to hang up then


class End(Enum):
    PROPER, RESET, SILENCE = range(3)


@dataclass(frozen=True, slots=True)
class Talk:
    """All that was said on one connection. `left`: we hung up before the service did. `reset`: it broke the
    connection off, as it does where more was said than it wants to hear; the last answer may be lost then."""

    asked: bytes
    answered: bytes
    left: bool
    reset: bool = False


def talk(port: int, asked: bytes, silence_s: float = _SILENCE_S) -> Talk:
    """Say it, and listen to the end, or until nothing came for so long, and hang up then. Raises TimeoutError
    when the service keeps the connection of one who has hung up."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as visitor:
        with suppress(ConnectionError):  # refused in the middle of it
            visitor.sendall(asked)
        visitor.settimeout(silence_s)
        answered, end = _heard(visitor)
        if end is not End.SILENCE:
            return Talk(asked, answered, left=False, reset=end is End.RESET)
        with suppress(OSError):
            visitor.shutdown(socket.SHUT_WR)
        visitor.settimeout(_PATIENCE_S)
        rest, end = _heard(visitor)
        if end is End.SILENCE:
            raise TimeoutError(f"a connection is kept for nobody after {asked!r}")
        return Talk(asked, answered + rest, left=True)


def _heard(visitor: socket.socket) -> tuple[bytes, End]:
    """What is said until it ends, or falls silent."""
    heard = []
    try:
        while part := visitor.recv(262_144):
            heard.append(part)
    except TimeoutError:
        return b"".join(heard), End.SILENCE
    except ConnectionError:
        return b"".join(heard), End.RESET
    return b"".join(heard), End.PROPER
