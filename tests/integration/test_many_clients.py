"""Many clients at once, and many who do not stay: all get what they came for, and nothing is left of them.

With CROWD=10000 in the environment that many come instead of 1,000.
"""

import asyncio
import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.helpers.disconnecting_clients import come_and_leave, slow_digest
from tests.helpers.raw_clients import linked_noise, open_request, read_head, views
from tests.helpers.servers import Server, contents, contents_of_zip, eventually, fetch, running_server, tool

MIB = 1024 * 1024
ALBUM = "/archive/album/"
PLANNED = ("stored-zip", "tar")
BACKENDS = (*PLANNED, "zip", "tar.gz")
FORMATS = ("--formats", ",".join(BACKENDS))
CROWD = int(os.environ.get("CROWD", "1000"))
SLOW_BYTES_PER_S = 1_000_000
SLOTS = 8
FEW_SLOTS = f"--max-downloads {SLOTS} --max-downloads-per-client 0 --queue-timeout 3s".split()
# more than asyncio's executor ever has threads: min(32, processors + 4)
MORE_THAN_THREADS = 40


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 MiB, which is more than a socket takes; much more than that; and the same under names that the zip
    program has to be helped with."""
    tool("zip")
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=8, size=MIB)
    linked_noise(root / "large", files=64, size=MIB)
    os.link(linked_noise(root / "odd", files=63, size=MIB) / "0000.jpg", root / "odd" / "a:b.jpg")
    return root


def links(*albums: str, backends: Sequence[str] = BACKENDS) -> list[str]:
    return [f"/archive/{album}/?format={backend}" for album in albums for backend in backends]


# ---- slow ones


@pytest.mark.timeout(600)  # it takes half a minute of both processors
def test_two_hundred_slow_downloads_are_complete_while_others_connect_and_disconnect(photos: Path) -> None:
    options = ("--max-downloads-per-client", "0", *FORMATS)
    with running_server(photos, *options) as server:
        expected = [digest_of_whole(server, photos, backend) for backend in BACKENDS]
        assert asyncio.run(slow_ones_among_others(server)) == expected * 50


def digest_of_whole(server: Server, photos: Path, backend: str) -> bytes:
    """Of an archive that holds what it should."""
    fetch(server.port, f"{ALBUM}?format={backend}")  # which may set the files' access times, which zip notes
    archive = fetch(server.port, f"{ALBUM}?format={backend}")
    assert unpacked(backend, archive) == contents(photos / "album")
    return hashlib.sha256(archive).digest()


async def slow_ones_among_others(server: Server) -> list[bytes]:
    slow = [slow_digest(server.port, link, SLOW_BYTES_PER_S) for link in links("album") * 50]
    others = asyncio.create_task(come_and_leave(server.port, links("large", "odd"), 200))
    digests = await asyncio.gather(*slow)
    await others
    return digests


def unpacked(backend: str, body: bytes) -> dict[str, bytes]:
    if "zip" in backend:
        return contents_of_zip(io.BytesIO(body))
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = [member for member in opened if member.isfile()]
        return {member.name: opened.extractfile(member).read() for member in files}  # type: ignore[union-attr]


# ---- those who leave


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("backends", "most_growth"), [(PLANNED, 4 * MIB), (BACKENDS, 64 * MIB)])
def test_thousands_of_disconnecting_clients_release_their_resources(
    photos: Path, backends: tuple[str, ...], most_growth: int
) -> None:
    """The growth of memory is what is left of the chunks, until Python's collector next looks, of those who
    left in the middle of a streamed archive; of planned ones the kernel sends the contents."""
    paths = links("album", "large", "odd", backends=backends)
    with running_server(photos, *FEW_SLOTS, *FORMATS) as server:
        worker = server.worker
        descriptors = worker.num_fds()
        memory = []
        for seed in range(4):
            leave(server, paths, CROWD // 4, seed)
            memory.append(memory_at_rest(worker, descriptors))
        growths = [after - before for before, after in pairwise(memory)]
        print(f"{[growth // 1024 for growth in growths]} KiB more each time, {worker.num_threads()} threads")
        assert min(growths) < most_growth // 2, "a leak grows each time"
        assert server.workers == [worker], "no worker was restarted"
        assert worker.num_threads() < MORE_THAN_THREADS
        assert eventually(lambda: not views(worker), timeout_s=30)
        assert_every_slot_is_free(server)


def leave(server: Server, paths: Sequence[str], count: int, seed: int) -> None:
    asyncio.run(come_and_leave(server.port, paths, count, seed))


def memory_at_rest(worker: psutil.Process, descriptors: int) -> int:
    """Return the unshared memory of the worker after all clients have disconnected, in bytes."""
    assert eventually(lambda: worker.num_fds() <= descriptors, timeout_s=30)
    assert eventually(lambda: not worker.children(recursive=True), timeout_s=30)
    memory: int = worker.memory_full_info().uss
    return memory


def assert_every_slot_is_free(server: Server) -> None:
    """Assert that SLOTS downloads start at once, and the next one is refused."""
    with ExitStack() as holders:
        for _ in range(SLOTS):
            assert status(holders, server) == 200
        assert status(holders, server) == 503


def status(holders: ExitStack, server: Server) -> int:
    """Return the status of a download that then keeps its slot."""
    return int(read_head(holders.enter_context(open_request(server, "/archive/large/"))).split()[1])
