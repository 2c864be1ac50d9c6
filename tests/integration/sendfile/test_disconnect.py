"""Clients that disconnect in a file slice release all resources."""

import asyncio
import re
import signal
import socket
import struct
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.helpers.raw_clients import open_request, request
from tests.helpers.servers import Server, eventually, fetch, running_server
from tests.integration.sendfile.stalling import BACKENDS, LINK, MIB, all_of, at_rest, body_of


@pytest.mark.parametrize("politely", [True, False], ids=["closing", "resetting"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_disconnect_in_a_slice_releases_resources(
    server: Server, archives: dict[str, bytes], backend: str, politely: bool
) -> None:
    """The next clients, on reused descriptors, get complete archives."""
    path, process = f"{LINK}?format={backend}", server.worker
    descriptors = process.num_fds()
    for _ in range(3):
        clients = [open_request(server, path) for _ in range(5)]
        assert all(eventually(lambda: at_rest(client)) for client in clients)  # noqa: B023
        for client in clients:
            leave(client, politely)
        assert eventually(lambda: process.num_fds() <= descriptors)
        assert fetch(server.port, path) == archives[backend]
    assert eventually(lambda: is_idle(process))
    assert not re.search("ERROR|WARNING", server.log())


def leave(client: socket.socket, politely: bool) -> None:
    if not politely:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def is_idle(process: psutil.Process) -> bool:
    """Whether next to nothing is computed for a while; a watcher on a lost descriptor never rests."""
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    return sum(process.cpu_times()[:2]) - before < 0.05


@pytest.mark.gen_test(timeout=60)
@pytest.mark.usefixtures("http_server")
async def test_closed_descriptor_has_no_writer(base_url: str) -> None:
    loop = asyncio.get_running_loop()
    for leave_early in (True, False):
        before = open_descriptors()
        client = await stalled(base_url)
        if not leave_early:
            while await loop.sock_recv(client, MIB):
                pass
        leave(client, politely=not leave_early)
        assert await asyncio.to_thread(eventually, lambda: open_descriptors() <= before)  # noqa: B023
        assert [number for number in range(1024) if loop.remove_writer(number)] == []


def open_descriptors() -> int:
    return psutil.Process().num_fds()


async def stalled(base_url: str) -> socket.socket:
    """A client that has got as much of the album as it takes without reading."""
    address = urlsplit(base_url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", address.port))
    await loop.sock_sendall(client, request(LINK, headers="Connection: close\r\n"))
    while not await asyncio.to_thread(at_rest, client):
        pass
    return client


def test_stop_aborts_a_slice(photos: Path) -> None:
    with running_server(photos) as server, open_request(server, LINK) as client:
        assert eventually(lambda: at_rest(client))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
        received = all_of(client)
    assert f"Content-Length: {len(body_of(received))}".encode() not in received
