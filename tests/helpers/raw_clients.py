"""Clients that no well-behaved HTTP client can play, and the albums they come for.

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
REFERENCE = b"0123456789abcdef"  # as long as an id


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` in their order, without what no two answers share; `body` as it came, not unchunked.

    In an error page, REFERENCE replaces the id of the request.
    """

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
    """Send a request on a new connection, and return the response up to its end."""
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
    for name, _, value in (header.partition(": ") for header in headers):
        if name == "X-Request-Id":
            body = body.replace(value.encode(), REFERENCE)
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


def open_request(
    server: Server, asked: str | bytes, *, method: str = "GET", headers: str = ""
) -> socket.socket:
    """Return a connection with a sent request, for a path or of raw bytes, and nothing read.

    The receive buffer is small, so that unread bytes stay in the server.
    """
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.settimeout(60)
    client.connect(("127.0.0.1", server.port))
    client.sendall(asked if isinstance(asked, bytes) else request(asked, method=method, headers=headers))
    return client


def read_head(client: socket.socket) -> bytes:
    """Return the header section of a response, with the part of the body that came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(4096)
        assert part, f"the connection ended after {data!r}"
        data += part
    return data


def rest_of(client: socket.socket) -> bytes:
    """All up to the end of the connection; ConnectionResetError when that is broken off."""
    data = bytearray()  # because bytes would be copied with each part
    while part := client.recv(65536):
        data += part
    return bytes(data)


def views(worker: psutil.Process) -> set[Path]:
    """Return the symlink farms of this worker; those of other servers are in the same directory."""
    return set(Path("/dev/shm").glob(f"tornado-archiver-{worker.pid}-*"))


@contextmanager
def stalled_curl(server: Server, path: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a curl that has received part of the body, and blocks until its stdout is read."""
    command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "100", *options, server.url(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        try:
            assert client.stdout is not None
            assert client.stdout.peek(1), "curl got no body"  # type: ignore[attr-defined]
            yield client
        finally:
            client.kill()


def exit_code(client: "subprocess.Popen[bytes]") -> int:
    """That of a curl that may now read on."""
    client.communicate(timeout=60)
    return client.returncode
