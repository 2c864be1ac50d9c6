"""Resources of clients that stop reading or disconnect: memory, work, processes, descriptors, threads."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.raw_clients import linked_noise, open_request, read_head, tree_of, views, zips_of
from tests.helpers.servers import Server, eventually, fetch, running_server, tool

MIB = 1024 * 1024
BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
# more than asyncio's executor ever has threads: min(32, processors + 4)
MORE_THAN_THREADS = 40


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 GiB that takes 4 MiB of the disk; the same under names that the zip program has to be helped with;
    and next to nothing."""
    tool("zip")
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "large", files=256, size=4 * MIB)
    os.link(linked_noise(root / "odd", files=255, size=4 * MIB) / "0000.jpg", root / "odd" / "a:b.jpg")
    linked_noise(root / "small", files=1, size=1000)
    return root


@pytest.fixture
def server(photos: Path) -> Iterator[Server]:
    options = ("--formats", ",".join(BACKENDS), "--max-downloads-per-client", "0")
    with running_server(photos, *options) as server:
        yield server


def link(album: str, backend: str) -> str:
    return f"/archive/{album}/?format={backend}"


# A client that stops reading


@pytest.mark.parametrize("backend", BACKENDS)
def test_client_that_stops_reading_pauses_the_packer(server: Server, backend: str) -> None:
    idle = memory(server)
    with open_request(server, link("large", backend)) as client:
        read_head(client)
        read_some(client, 1)  # it is being packed: before that a server can be at rest as well
        assert eventually(lambda: is_at_rest(server), timeout_s=30)
        assert len(zips_of(server)) == (backend == "zip"), "it waits for the client, it has not ended"
        assert bytes_read(server) < 100 * MIB
        assert memory(server) - idle < 100 * MIB


def memory(server: Server) -> int:
    """Bytes in memory of the server and its programs; what they share is counted for each."""
    return sum(process.memory_info().rss for process in tree_of(server))


def bytes_read(server: Server) -> int:
    """By the server and its programs, from files and pipes alike."""
    return sum(process.io_counters().read_chars for process in tree_of(server))


def is_at_rest(server: Server) -> bool:
    """Whether nothing is read, and next to nothing computed, during a second."""
    before = bytes_read(server), cpu_time_s(server)
    time.sleep(1)
    read, computed = bytes_read(server) - before[0], cpu_time_s(server) - before[1]
    return read == 0 and computed < 0.05


def cpu_time_s(server: Server) -> float:
    times = [process.cpu_times() for process in tree_of(server)]
    return sum(time.user + time.system for time in times)


@pytest.mark.parametrize("backend", BACKENDS)
def test_clients_that_stop_reading_do_not_delay_others(server: Server, backend: str) -> None:
    with ExitStack() as stalled:
        for _ in range(MORE_THAN_THREADS):
            read_head(stalled.enter_context(open_request(server, link("large", backend))))
        assert fetch(server.port, link("small", "zip")).startswith(b"PK\3\4")
        assert fetch(server.port, link("small", "tar.gz")).startswith(b"\x1f\x8b")


# A client that leaves


@pytest.mark.parametrize("backend", BACKENDS)
def test_disconnected_clients_release_resources(server: Server, backend: str) -> None:
    process = server.worker
    descriptors = process.num_fds()
    leave(server, backend, times=200)
    assert eventually(lambda: process.num_fds() <= descriptors, timeout_s=30)
    assert eventually(lambda: not process.children(recursive=True), timeout_s=30)
    assert process.num_threads() < MORE_THAN_THREADS
    assert eventually(lambda: not views(process), timeout_s=30)


@pytest.mark.parametrize("backend", BACKENDS)
def test_client_that_disconnects_during_a_pause_is_released(photos: Path, backend: str) -> None:
    pauses = {"ENABLE_RESPONSE_DELAY": "1", "RESPONSE_DELAY": "3600"}
    with running_server(photos, "--backend", backend, env=pauses) as server:
        process = server.worker
        descriptors = process.num_fds()
        with open_request(server, "/archive/large/") as client:
            read_head(client)
            is_open = lambda: process.num_fds() > descriptors + 1  # noqa: E731
            assert eventually(is_open), "the album is open, not the connection alone"
        assert eventually(lambda: process.num_fds() <= descriptors, timeout_s=30)
        assert eventually(lambda: not process.children(recursive=True), timeout_s=30)


def leave(server: Server, backend: str, times: int) -> None:
    """Connect clients in turn that disconnect before the headers, after them, or in the body."""
    for number in range(times):
        with open_request(server, link("odd" if number % 2 else "large", backend)) as client:
            if number % 3:
                read_head(client)
            if number % 3 == 2:
                read_some(client, MIB)


def read_some(client: socket.socket, size: int) -> None:
    while size > 0:
        part = client.recv(65536)
        assert part, "the connection has ended"
        size -= len(part)
