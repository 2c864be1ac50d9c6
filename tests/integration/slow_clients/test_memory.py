"""The memory of a client that does not read does not depend on what is in the album."""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.servers import Server, eventually
from tests.integration.slow_clients.albums import ALBUMS, FORMATS, MIB, path_of, stand_still

CLIENTS = 150
MAX_BYTES = 100_000


def memory(server: Server) -> int:
    """Proportional set size of the worker in bytes (smaps_rollup, proc(5))."""
    text = Path(f"/proc/{server.worker.pid}/smaps_rollup").read_text()
    (kilobytes,) = re.findall(r"^Pss:\s*(\d+)", text, re.MULTILINE)
    return 1024 * int(kilobytes)


@pytest.mark.parametrize("backend", FORMATS)
@pytest.mark.parametrize("album", ALBUMS)
def test_client_that_never_reads_uses_little_memory(server: Server, album: str, backend: str) -> None:
    path = path_of(album, backend)
    with ExitStack() as clients:
        for _ in range(CLIENTS // 3):  # scans and layouts leave free memory in the process
            stand_still(server, path, clients)
        before = memory(server)
        for _ in range(CLIENTS):
            stand_still(server, path, clients)
        assert eventually(lambda: memory(server) - before < CLIENTS * MAX_BYTES), (
            f"{(memory(server) - before) // CLIENTS} bytes for each client"
        )


@pytest.mark.parametrize("backend", FORMATS)
@pytest.mark.parametrize("album", ["thumbnails", "film"])
def test_client_that_stops_reading_frees_its_memory(server: Server, album: str, backend: str) -> None:
    """When it stopped, a chunk of 1 MiB was in hand, and the next one prepared."""
    path = path_of(album, backend)
    with ExitStack() as clients:
        for _ in range(CLIENTS // 3):
            stand_still(server, path, clients, after=3 * MIB)
        before = memory(server)
        for _ in range(CLIENTS):
            stand_still(server, path, clients, after=3 * MIB)
        assert eventually(lambda: memory(server) - before < CLIENTS * MAX_BYTES), (
            f"{(memory(server) - before) // CLIENTS} bytes for each client"
        )
