"""Clients that resume downloads: curl, wget and aria2c, and checks of their results."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.helpers.servers import Server, eventually, tool

MIB = 1024 * 1024
ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
LINK = f"/archive/{ALBUM}/"
UNDER_WAY_BYTES = 4 * MIB


# The clients, with the options to resume


def curl(url: str, saved: Path) -> list[str | Path]:
    return [tool("curl"), "-sS", "--noproxy", "*", "--fail", "-C", "-", "-o", saved, url]


def wget(url: str, saved: Path) -> list[str | Path]:
    return [tool("wget"), "-nv", "--no-proxy", "--tries=1", "-c", "-O", saved, url]


def aria2c(url: str, saved: Path) -> list[str | Path]:
    options = "-q -x 8 -s 8 --min-split-size=1M --file-allocation=none --max-tries=1 --no-conf --all-proxy="
    options += " --max-overall-download-limit=16M"  # by eight ways it would be there in half a second
    control_file = ["--auto-save-interval=1", "-c"]  # or it would not know which parts it has
    return [tool("aria2c"), *options.split(), *control_file, "-d", saved.parent, "-o", saved.name, url]


Client = Callable[[str, Path], list[str | Path]]
CLIENTS = (curl, wget, aria2c)


@contextmanager
def under_way(command: list[str | Path], saved: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A client that has got some of the archive, but not all of it."""
    with subprocess.Popen(command) as client:
        try:
            assert eventually(lambda: bytes_on_disk(saved) >= UNDER_WAY_BYTES, timeout_s=30)
            assert client.poll() is None
            yield client
        finally:
            client.kill()


def bytes_on_disk(saved: Path) -> int:
    """Holes, which aria2c leaves between its parts, do not count."""
    return saved.stat().st_blocks * 512 if saved.exists() else 0


# Checks


def logged_206(server: Server) -> bool:
    """Return whether the log has a 206 response."""
    return " 206 " in server.log()


def assert_it_goes_on(command: list[str | Path], saved: Path, archive: bytes) -> None:
    got = bytes_on_disk(saved)
    assert UNDER_WAY_BYTES <= got < len(archive), "broken off in the middle"
    subprocess.run(command, check=True, timeout=60)
    assert saved.read_bytes() == archive


def serving(servers: list[Server]) -> list[Server]:
    """Return the servers with an established connection."""
    return [
        server
        for server in servers
        if any(connection.status == psutil.CONN_ESTABLISHED for connection in server.worker.net_connections())
    ]


def etag_of(url: str) -> str:
    command = [tool("curl"), "-sS", "--noproxy", "*", "--fail", "-I", url]
    head = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (etag,) = re.findall(r'(?im)^etag: ("\w+")\s*$', head)
    return str(etag)
