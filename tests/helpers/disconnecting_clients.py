"""Clients by the thousand who leave at a random moment, and slow ones who stay.

Rule: nothing here imports the service; it is spoken to from outside.
"""

import asyncio
import hashlib
import random
import socket
import struct
from collections.abc import Sequence

from tests.helpers.raw_clients import request

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds
_AT_ONCE = 40
_LONGEST_STAY_S = 0.15
_MOST_BYTES = 512 * 1024


async def come_and_leave(port: int, paths: Sequence[str], count: int, seed: int = 0) -> None:
    """`count` clients, some at once, disconnect: before their request is whole, before the head, in the
    body or behind it; with a reset or without."""
    chance = random.Random(seed)
    visits = iter([(chance.choice(paths), chance.getrandbits(64)) for _ in range(count)])

    async def visit() -> None:
        for path, seed in visits:
            await _visit(port, path, random.Random(seed))

    await asyncio.gather(*(visit() for _ in range(_AT_ONCE)))


async def _visit(port: int, path: str, chance: random.Random) -> None:
    loop, client = asyncio.get_running_loop(), _socket()
    try:
        await loop.sock_connect(client, ("127.0.0.1", port))
        asked = request(path, version=chance.choice(["1.0", "1.1"]))
        whole = chance.random() < 0.8
        await loop.sock_sendall(client, asked if whole else asked[: chance.randrange(len(asked))])
        if chance.random() < 0.5:
            await asyncio.sleep(chance.uniform(0, _LONGEST_STAY_S))
        elif whole:
            await _read(client, round(_MOST_BYTES * chance.random() ** 3))
        if chance.random() < 0.5:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    finally:
        client.close()


async def _read(client: socket.socket, size: int) -> None:
    """So much, or up to the end; at least something."""
    loop = asyncio.get_running_loop()
    while part := await loop.sock_recv(client, 65536):
        size -= len(part)
        if size <= 0:
            return


async def slow_digest(port: int, path: str, bytes_per_s: int) -> bytes:
    """The SHA-256 of a whole body that is taken at this pace."""
    loop, client, digest = asyncio.get_running_loop(), _socket(), hashlib.sha256()
    try:
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, request(path, version="1.0"))
        head = b""
        while b"\r\n\r\n" not in head:
            head += await loop.sock_recv(client, 65536)
        digest.update(head.partition(b"\r\n\r\n")[2])
        while part := await loop.sock_recv(client, 65536):
            digest.update(part)
            await asyncio.sleep(len(part) / bytes_per_s)
    finally:
        client.close()
    return digest.digest()


def _socket() -> socket.socket:
    """A small receive buffer: what is not read is the server's to hold."""
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    return client
