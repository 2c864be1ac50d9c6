"""Many slow visitors at once, in one process: each reads at a pace of its own and checks what it has got.

`python -m benchmarks.crowd PORT PATH VISITORS BYTES_PER_S` prints a line when all have asked, and one with
what they have got, as JSON: for each different body its length, its CRC-32 and how many have it.
"""

import json
import sys
import time
import zlib
from collections import Counter
from contextlib import ExitStack
from socket import MSG_DONTWAIT, socket

from benchmarks.client import asked
from benchmarks.data import KIB

BEGUN = "begun"

RECEIVE_BUFFER = 64 * KIB  # as a visitor far away has it: what he does not read stays with the server
_TURN_S = 0.5


class SlowVisitor:
    """Asks with HTTP/1.0, so that the body is all that comes behind the head."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._head = b""
        self._is_in_body = False
        self.length = self.crc = 0

    def takes(self, most: int) -> bool:
        """Read so much, or as much as has come. Whether there may be more."""
        try:
            data = self._connection.recv(most, MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except ConnectionError:
            self.crc = -1  # broken off, however much has come
            return False
        self._keep(data)
        return bool(data)

    def _keep(self, data: bytes) -> None:
        if not self._is_in_body:
            self._head, found, data = (self._head + data).partition(b"\r\n\r\n")
            self._is_in_body = bool(found)
        if self._is_in_body:
            self.length += len(data)
            self.crc = zlib.crc32(data, self.crc)


def crowd(port: int, path: str, count: int, bytes_per_s: int) -> Counter[tuple[int, int]]:
    """Length and CRC-32 of what each has got."""
    with ExitStack() as connections:
        visitors = [
            SlowVisitor(
                connections.enter_context(asked(port, path, version="1.0", receive_buffer=RECEIVE_BUFFER))
            )
            for _ in range(count)
        ]
        print(BEGUN, flush=True)
        _read_in_turns(visitors, round(bytes_per_s * _TURN_S))
    return Counter((visitor.length, visitor.crc) for visitor in visitors)


def _read_in_turns(visitors: list[SlowVisitor], bytes_a_turn: int) -> None:
    """One after the other, evenly over each turn, until all have done."""
    due = time.monotonic()
    while visitors:
        staying = []
        for visitor in visitors:
            due += _TURN_S / len(visitors)
            time.sleep(max(0, due - time.monotonic()))
            if visitor.takes(bytes_a_turn):
                staying.append(visitor)
        visitors = staying


def main(port: str, path: str, visitors: str, bytes_per_s: str) -> None:
    got = crowd(int(port), path, int(visitors), int(bytes_per_s))
    print(json.dumps([(length, crc, count) for (length, crc), count in got.items()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
