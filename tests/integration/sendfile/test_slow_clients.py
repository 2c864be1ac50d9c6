"""File slices that the kernel sends to slow clients, to old clients, to many at once."""

import asyncio
import random
import socket
import time
from pathlib import Path

import pytest

from tests.helpers.raw_clients import ask, open_request, parsed, read_head, request
from tests.helpers.servers import Server, eventually, fetch, running_server
from tests.integration.sendfile.stalling import BACKENDS, LINK, MIB, all_of, at_rest, body_of
from tornado_archiver.source import MIN_CHUNK_BYTES

SMALL_LINK = "/archive/small/"
CLIENTS = 200


@pytest.mark.parametrize("backend", BACKENDS)
def test_slow_client_gets_the_complete_archive(
    server: Server, archives: dict[str, bytes], backend: str
) -> None:
    with open_request(server, f"{LINK}?format={backend}") as client:
        data = bytearray(read_head(client))
        wanted = data.index(b"\r\n\r\n") + 4 + len(archives[backend])
        while len(data) < wanted:
            data += client.recv(random.randint(1, MIB))
            if random.random() < 0.05:
                time.sleep(0.01)
    assert body_of(bytes(data)) == archives[backend]


def test_two_clients_at_different_rates_get_complete_archives(
    server: Server, archives: dict[str, bytes]
) -> None:
    """One stalls in the middle of a slice while the other gets everything."""
    with open_request(server, LINK) as slow:
        assert eventually(lambda: at_rest(slow))
        assert fetch(server.port, LINK) == archives["stored-zip"]
        slow.sendall(request(SMALL_LINK, headers="Connection: close\r\n"))
        both = all_of(slow)
    first = body_of(both)[: len(archives["stored-zip"])]
    assert first == archives["stored-zip"]
    assert body_of(both)[len(first) :].startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("keep_alive", ["", "Connection: keep-alive\r\n"], ids=["plain", "keep-alive"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_http_1_0_client_gets_the_complete_archive(
    server: Server, archives: dict[str, bytes], backend: str, keep_alive: str
) -> None:
    """HTTP/1.0, asked twice on one connection where it may stay open."""
    path = f"{LINK}?format={backend}"
    asked = request(path, version="1.0", headers=keep_alive)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(asked + request(path, version="1.0") if keep_alive else asked)
        data = all_of(client)
    for _ in range(2 if keep_alive else 1):
        answer = parsed(data)
        assert f"Content-Length: {len(archives[backend])}" in answer.headers
        assert not [header for header in answer.headers if header.startswith("Transfer-Encoding")]
        assert answer.body[: len(archives[backend])] == archives[backend]
        data = answer.body[len(archives[backend]) :]
    assert data == b""


def test_many_clients_get_their_ranges(server: Server, archives: dict[str, bytes]) -> None:
    whole, chosen = archives["stored-zip"], random.Random(5)
    starts = [chosen.randrange(len(whole)) for _ in range(CLIENTS)]
    ranges = [(start, min(len(whole), start + chosen.randrange(1, 2 * MIB))) for start in starts]

    async def part(start: int, stop: int) -> bool:
        headers = f"Range: bytes={start}-{stop - 1}\r\nConnection: close\r\n"
        answer = await ask(server.url(), request(LINK, headers=headers))
        return (answer.status, answer.body) == (206, whole[start:stop])

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(part(*wanted) for wanted in ranges))

    assert asyncio.run(all_of_them()) == [True] * CLIENTS


def test_pause_between_chunks_keeps_the_archive_complete(photos: Path, archives: dict[str, bytes]) -> None:
    pauses = {"ENABLE_RESPONSE_DELAY": "1", "RESPONSE_DELAY": "5ms"}
    with running_server(photos, env=pauses) as slow:
        started = time.monotonic()
        assert fetch(slow.port, LINK) == archives["stored-zip"]
        assert time.monotonic() - started > 0.005 * (len(archives["stored-zip"]) // MIN_CHUNK_BYTES)
