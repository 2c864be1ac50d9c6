"""Many simultaneous slow clients in one process; each reads at a fixed rate and computes length and CRC-32.

`python -m benchmarks.slow_clients PORT PATH CLIENTS BYTES_PER_S` prints a line when all requests are sent. At
the end it prints a JSON list: length, CRC-32 and number of clients of each different body.
"""

import json
import sys
import time
import zlib
from collections import Counter
from contextlib import ExitStack
from socket import MSG_DONTWAIT, socket

from benchmarks.client import send_request
from benchmarks.data import KIB

ALL_SENT = "all requests sent"

RECEIVE_BUFFER = 64 * KIB  # small, as over a long distance, so that unread data stays on the server
_INTERVAL_S = 0.5


class SlowClient:
    """HTTP/1.0 client, so that the body is everything after the header section."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._headers = b""
        self._is_in_body = False
        self.length = self.crc = 0

    def read(self, max_bytes: int) -> bool:
        """Read up to `max_bytes` of the available data. Return whether the body can continue."""
        try:
            data = self._connection.recv(max_bytes, MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except ConnectionError:
            self.crc = -1  # incomplete, whatever the length
            return False
        self._add(data)
        return bool(data)

    def _add(self, data: bytes) -> None:
        if not self._is_in_body:
            self._headers, separator, data = (self._headers + data).partition(b"\r\n\r\n")
            self._is_in_body = bool(separator)
        if self._is_in_body:
            self.length += len(data)
            self.crc = zlib.crc32(data, self.crc)


def run_slow_clients(port: int, path: str, count: int, bytes_per_s: int) -> Counter[tuple[int, int]]:
    """Return how many clients received each (length, CRC-32)."""
    with ExitStack() as stack:
        clients = [
            SlowClient(
                stack.enter_context(send_request(port, path, version="1.0", receive_buffer=RECEIVE_BUFFER))
            )
            for _ in range(count)
        ]
        print(ALL_SENT, flush=True)
        _read_in_intervals(clients, round(bytes_per_s * _INTERVAL_S))
    return Counter((client.length, client.crc) for client in clients)


def _read_in_intervals(clients: list[SlowClient], bytes_per_interval: int) -> None:
    """Read from each client once per interval, evenly distributed, until all bodies have ended."""
    due = time.monotonic()
    while clients:
        unfinished = []
        for client in clients:
            due += _INTERVAL_S / len(clients)
            time.sleep(max(0, due - time.monotonic()))
            if client.read(bytes_per_interval):
                unfinished.append(client)
        clients = unfinished


def main(port: str, path: str, clients: str, bytes_per_s: str) -> None:
    """Run the clients and print the bodies that they received."""
    received = run_slow_clients(int(port), path, int(clients), int(bytes_per_s))
    print(json.dumps([(length, crc, count) for (length, crc), count in received.items()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
