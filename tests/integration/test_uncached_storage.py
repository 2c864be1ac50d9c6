"""A storage without a page cache (FUSE with direct_io, 9P): the event loop must not read from it."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.servers import contents, contents_of_zip, fetch, running_server, tool
from tests.integration.slow_clients.albums import KIB, MIB
from tornado_archiver.testing import trees

SIZES = (300 * KIB, 3 * MIB, 9 * MIB + 1)


@pytest.fixture
def preloaded(tmp_path: Path) -> Path:
    """A library that takes the page cache away from files below `uncached`."""
    library, source = tmp_path / "uncached_reads.so", Path(__file__).with_name("uncached_reads.c")
    subprocess.run(
        [tool("gcc"), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True
    )
    return library


@pytest.mark.parametrize(("backend", "times"), [("stored-zip", 2), ("tar", 1)])
def test_storage_without_page_cache_is_read_by_threads_only(
    tmp_path: Path, preloaded: Path, backend: str, times: int
) -> None:
    """A zip needs each CRC-32 before its content, so it reads twice; nothing is read once more."""
    root, log = tmp_path / "uncached", tmp_path / "log"
    for number, size in enumerate(SIZES):
        trees.write(root / "album" / f"{number}.jpg", trees.noise(size, number))
    environment = {"LD_PRELOAD": str(preloaded), "UNCACHED_LOG": str(log)}
    with running_server(root, "--backend", backend, env=environment) as server:
        archive = tmp_path / "archive"
        archive.write_bytes(fetch(server.port, "/archive/album/"))
    read = Counter[str]()
    for line in log.read_text().splitlines():
        call, count = line.split()
        read[call] += int(count)
    assert set(read) <= {"pread", "preadv2"}, "sendfile reads on the event loop"
    assert sum(SIZES) <= read.total() <= times * sum(SIZES) + len(SIZES) * 2
    if backend == "stored-zip":
        assert contents_of_zip(archive) == contents(root / "album")
