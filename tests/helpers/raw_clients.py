"""Visitors that no well-behaved HTTP client can play, and the albums they come for.

Rule: nothing here imports the service; it is spoken to from outside.
"""

import asyncio
import os
import random
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.helpers.servers import Server, name_of, tool

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
# https://curl.se/libcurl/c/libcurl-errors.html: partial file, receive error
BROKEN_OFF = (18, 56)


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` in their order, without what no two answers share; `body` as it came, not unchunked."""

    status: int
    headers: tuple[str, ...]
    body: bytes


def request(path: str | bytes, *, method: str = "GET", version: str = "1.1", headers: str = "") -> bytes:
    """A request with the path as it is, in Latin-1; `headers` are lines that end in CRLF."""
    raw_path = path if isinstance(path, bytes) else path.encode("latin-1")
    return b"%s %s HTTP/%s\r\nHost: photos.test\r\n%s\r\n" % (
        method.encode(),
        raw_path,
        version.encode(),
        headers.encode(),
    )


async def ask(base_url: str, asked: bytes) -> Answer:
    """What comes on a connection of its own, up to its end."""
    address = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(asked)
        return parsed(await reader.read())
    finally:
        writer.close()
        await writer.wait_closed()


def parsed(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    status_line, *headers = head.decode("latin-1").split("\r\n")
    return Answer(
        int(status_line.split()[1]),
        tuple(header for header in headers if not header.startswith(("Date:", "X-Request-Id:"))),
        body,
    )


def linked_noise(directory: Path, *, files: int, size: int) -> Path:
    """`directory` filled with `files` names of one file of `size` bytes that no compressor makes smaller."""
    directory.mkdir(parents=True)
    first = directory / "0000.jpg"
    first.write_bytes(random.Random(1).randbytes(size))
    for number in range(1, files):
        os.link(first, directory / f"{number:04}.jpg")
    return directory


def zips_of(server: Server) -> list[psutil.Process]:
    return [child for child in tree_of(server)[1:] if name_of(child) == "zip"]


def tree_of(server: Server) -> list[psutil.Process]:
    """The worker and the programs that it runs."""
    worker = server.worker
    return [worker, *worker.children(recursive=True)]


def knock(server: Server, asked: str | bytes, *, method: str = "GET", headers: str = "") -> socket.socket:
    """A visitor who has asked for a path, or said something else, and not read yet. A small receive buffer:
    what it does not read is the server's to hold."""
    visitor = socket.socket()
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    visitor.settimeout(60)
    visitor.connect(("127.0.0.1", server.port))
    visitor.sendall(asked if isinstance(asked, bytes) else request(asked, method=method, headers=headers))
    return visitor


def read_head(visitor: socket.socket) -> bytes:
    """The head of an answer, and what has come of its body with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = visitor.recv(4096)
        assert part, f"the connection ended after {data!r}"
        data += part
    return data


def rest_of(visitor: socket.socket) -> bytes:
    """All up to the end of the connection; ConnectionResetError when that is broken off."""
    data = b""
    while part := visitor.recv(65536):
        data += part
    return data


def views(worker: psutil.Process) -> set[Path]:
    """What it keeps in memory for the zip program; the servers of other tests have theirs there as well."""
    return set(Path("/dev/shm").glob(f"tornado-archiver-{worker.pid}-*"))


@contextmanager
def stalled_curl(server: Server, path: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A curl that has got some of the body, and waits for somebody to read it from its stdout."""
    command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "100", *options, server.url(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as visitor:
        try:
            assert visitor.stdout is not None
            assert visitor.stdout.peek(1), "curl got no body"  # type: ignore[attr-defined]
            yield visitor
        finally:
            visitor.kill()


def exit_code(visitor: "subprocess.Popen[bytes]") -> int:
    """That of a curl that may now read on."""
    visitor.communicate(timeout=60)
    return visitor.returncode
