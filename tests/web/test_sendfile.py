"""File slices that the kernel sends by itself: to slow visitors, to those who leave, to many at once."""

import asyncio
import dataclasses
import errno
import fcntl
import logging
import os
import random
import re
import signal
import socket
import struct
import termios
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from tests.servers import Server, contents, eventually, fetch, running_server
from tests.web.visitors import ask, knock, parsed, read_head, request
from tornado_archiver.assembly import make_service
from tornado_archiver.backend import Archive, ArchiveInfo, Backend, BackendOptions
from tornado_archiver.byterange import ByteRange
from tornado_archiver.chunks import Chunk
from tornado_archiver.manifest import Manifest
from tornado_archiver.packer import MAX_SLICE_BYTES
from tornado_archiver.settings import Settings
from tornado_archiver.testing import trees
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.sendfile_stream import SendfileServer

MIB = 1024 * 1024
LINK = "/archive/album/"
SMALL_LINK = "/archive/small/"
BACKENDS = ("stored-zip", "tar")
VISITORS = 200


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several slices, each larger than what the sockets hold; between it and the next one so many
    small files that the sockets do not take them at once either; and an album of a few bytes."""
    root = tmp_path_factory.mktemp("photos")
    trees.write(root / "album" / "1.jpg", trees.noise(100_000, 1))
    trees.write(root / "album" / "2.jpg", trees.noise(30 * MIB, 2))
    for number in range(300, 309):
        trees.write(root / "album" / f"{number}.jpg", trees.noise(110_000, number))
    trees.write(root / "album" / "4.jpg", trees.noise(3 * MIB, 3))
    trees.write(root / "small" / "1.jpg", b"a picture")
    return root


@pytest.fixture(scope="module")
def server(photos: Path) -> Iterator[Server]:
    with running_server(photos, "--formats", "tar", "--max-downloads-per-client", "0") as server:
        yield server


@pytest.fixture(scope="module")
def archives(server: Server) -> dict[str, bytes]:
    return {name: fetch(server.port, f"{LINK}?format={name}") for name in BACKENDS}


def all_of(visitor: socket.socket) -> bytes:
    """All up to the end of the connection; ConnectionResetError when that is broken off."""
    data = bytearray()
    while part := visitor.recv(MIB):
        data += part
    return bytes(data)


def body_of(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def at_rest(visitor: socket.socket) -> bool:
    """Whether nothing more comes as long as the visitor does not read."""
    before = unread(visitor)
    time.sleep(0.2)
    return unread(visitor) == before > 0


def unread(visitor: socket.socket) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(visitor, termios.FIONREAD, bytes(4)))[0]
    return count


# Slow visitors


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_slow_visitor_gets_all_of_it(server: Server, archives: dict[str, bytes], backend: str) -> None:
    with knock(server, f"{LINK}?format={backend}") as visitor:
        data = bytearray(read_head(visitor))
        wanted = data.index(b"\r\n\r\n") + 4 + len(archives[backend])
        while len(data) < wanted:
            data += visitor.recv(random.randint(1, MIB))
            if random.random() < 0.05:
                time.sleep(0.01)
    assert body_of(bytes(data)) == archives[backend]


def test_two_visitors_at_different_paces_do_not_mix(server: Server, archives: dict[str, bytes]) -> None:
    """One stalls in the middle of a slice while the other gets everything."""
    with knock(server, LINK) as slow:
        assert eventually(lambda: at_rest(slow))
        assert fetch(server.port, LINK) == archives["stored-zip"]
        slow.sendall(request(SMALL_LINK, headers="Connection: close\r\n"))
        both = all_of(slow)
    first = body_of(both)[: len(archives["stored-zip"])]
    assert first == archives["stored-zip"]
    assert body_of(both)[len(first) :].startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("keep_alive", ["", "Connection: keep-alive\r\n"], ids=["plain", "keep-alive"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_old_client_gets_all_of_it_and_knows(
    server: Server, archives: dict[str, bytes], backend: str, keep_alive: str
) -> None:
    """HTTP/1.0, asked twice on one connection where it may stay open."""
    path = f"{LINK}?format={backend}"
    asked = request(path, version="1.0", headers=keep_alive)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as visitor:
        visitor.sendall(asked + request(path, version="1.0") if keep_alive else asked)
        data = all_of(visitor)
    for _ in range(2 if keep_alive else 1):
        answer = parsed(data)
        assert f"Content-Length: {len(archives[backend])}" in answer.headers
        assert not [header for header in answer.headers if header.startswith("Transfer-Encoding")]
        assert answer.body[: len(archives[backend])] == archives[backend]
        data = answer.body[len(archives[backend]) :]
    assert data == b""


def test_many_visitors_with_a_range_each(server: Server, archives: dict[str, bytes]) -> None:
    whole, chosen = archives["stored-zip"], random.Random(5)
    starts = [chosen.randrange(len(whole)) for _ in range(VISITORS)]
    ranges = [(start, min(len(whole), start + chosen.randrange(1, 2 * MIB))) for start in starts]

    async def part(start: int, stop: int) -> bool:
        headers = f"Range: bytes={start}-{stop - 1}\r\nConnection: close\r\n"
        answer = await ask(server.url(), request(LINK, headers=headers))
        return (answer.status, answer.body) == (206, whole[start:stop])

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(part(*wanted) for wanted in ranges))

    assert asyncio.run(all_of_them()) == [True] * VISITORS


def test_a_pause_between_chunks(photos: Path, archives: dict[str, bytes]) -> None:
    pauses = {"ENABLE_RESPONSE_DELAY": "1", "RESPONSE_DELAY": "0.2"}
    with running_server(photos, env=pauses) as slow:
        started = time.monotonic()
        assert fetch(slow.port, LINK) == archives["stored-zip"]
        assert time.monotonic() - started > 0.2 * (len(archives["stored-zip"]) // MAX_SLICE_BYTES)


# Visitors who leave


@pytest.mark.parametrize("politely", [True, False], ids=["closing", "resetting"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_visitor_who_leaves_in_a_slice_leaves_nothing(
    server: Server, archives: dict[str, bytes], backend: str, politely: bool
) -> None:
    """What the next ones get, on the descriptors that have become free, is right."""
    path, process = f"{LINK}?format={backend}", server.worker
    descriptors = process.num_fds()
    for _ in range(3):
        visitors = [knock(server, path) for _ in range(5)]
        assert all(eventually(lambda: at_rest(visitor)) for visitor in visitors)  # noqa: B023
        for visitor in visitors:
            leave(visitor, politely)
        assert eventually(lambda: process.num_fds() <= descriptors)
        assert fetch(server.port, path) == archives[backend]
    assert eventually(lambda: is_idle(process))
    assert not re.search("ERROR|WARNING", server.log())


def leave(visitor: socket.socket, politely: bool) -> None:
    if not politely:
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visitor.close()


def is_idle(process: psutil.Process) -> bool:
    """Whether next to nothing is computed for a while; a watcher on a lost descriptor never rests."""
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    return sum(process.cpu_times()[:2]) - before < 0.05


@pytest.fixture
def maker() -> Backend | None:
    """Who makes the archives in place of stored-zip; tests override it."""
    return None


@pytest.fixture
def app(io_loop: IOLoop, photos: Path, maker: Backend | None) -> ArchiverApplication:
    service = io_loop.run_sync(lambda: make_service(Settings(photos_dir=photos)))
    if maker is not None:
        service = dataclasses.replace(service, backends=[maker])
    return ArchiverApplication(service, demo_url=None, upstream="")


@pytest.fixture
def http_server(
    io_loop: IOLoop, app: ArchiverApplication, _unused_port: tuple[socket.socket, int]
) -> Iterator[SendfileServer]:
    """In place of the plugin's own, which knows nothing of slices."""
    server = SendfileServer(app)
    server.add_socket(_unused_port[0])
    yield server
    server.stop()
    io_loop.run_sync(server.close_all_connections)


@pytest.mark.gen_test(timeout=60)
@pytest.mark.usefixtures("http_server")
async def test_nobody_watches_a_descriptor_that_is_free(base_url: str) -> None:
    loop = asyncio.get_running_loop()
    for leave_early in (True, False):
        before = open_descriptors()
        visitor = await stalled(base_url)
        if not leave_early:
            while await loop.sock_recv(visitor, MIB):
                pass
        leave(visitor, politely=not leave_early)
        assert await asyncio.to_thread(eventually, lambda: open_descriptors() <= before)  # noqa: B023
        assert [number for number in range(1024) if loop.remove_writer(number)] == []


def open_descriptors() -> int:
    return psutil.Process().num_fds()


async def stalled(base_url: str) -> socket.socket:
    """A visitor that has got as much of the album as it takes without reading."""
    address = urlsplit(base_url)
    visitor = socket.socket()
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    visitor.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(visitor, ("127.0.0.1", address.port))
    await loop.sock_sendall(visitor, request(LINK, headers="Connection: close\r\n"))
    while not await asyncio.to_thread(at_rest, visitor):
        pass
    return visitor


def test_stopping_breaks_a_slice_off(photos: Path) -> None:
    with running_server(photos) as server, knock(server, LINK) as visitor:
        assert eventually(lambda: at_rest(visitor))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
        received = all_of(visitor)
    assert f"Content-Length: {len(body_of(received))}".encode() not in received


# Files that change under a slice


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("left", [0, 2 * MIB])
def test_a_file_that_shrinks_in_a_slice_breaks_the_download_off(
    tmp_path: Path, backend: str, left: int
) -> None:
    trees.write(tmp_path / "album" / "1.jpg", trees.noise(30 * MIB))
    with running_server(tmp_path, "--backend", backend) as server:
        process = server.worker
        descriptors = process.num_fds()
        with knock(server, LINK) as visitor:
            assert eventually(lambda: at_rest(visitor))
            os.truncate(tmp_path / "album" / "1.jpg", left)
            with pytest.raises(ConnectionResetError):
                all_of(visitor)
        assert eventually(lambda: "ERROR" in server.log())
        (line,) = [line for line in server.log().splitlines() if "ERROR" in line]
        assert re.search(r"GET /archive/album/: cut after \d+ bytes: .*(shrank|changed)", line)
        assert eventually(lambda: process.num_fds() <= descriptors)


@pytest.mark.gen_test(timeout=60)
@pytest.mark.usefixtures("http_server")
async def test_a_disk_that_fails_in_a_slice_is_no_visitor_who_left(
    base_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(os, "sendfile", fail)
    with pytest.raises(ConnectionResetError):
        await ask(base_url, request(LINK, headers="Connection: close\r\n"))
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert re.search(r"cut after \d+ bytes: a file cannot be sent: Input/output error", told)
    assert "failed (unreadable)" in caplog.text


# A maker of archives who hands out slices without knowing how long the archive will be


class Contents(Archive):
    """One behind the other."""

    info = ArchiveInfo()

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Chunk, None]:
        with self._manifest.source.reader() as reader:
            for entry in self._manifest.entries:
                with closing(reader.content(entry)) as content:
                    yield content.chunk(b"", 0, entry.size)


class Concatenation(Backend):
    name: ClassVar[str] = "concatenation"
    media_type: ClassVar[str] = "application/octet-stream"
    suffix: ClassVar[str] = ".bin"

    async def open(self, manifest: Manifest) -> Archive:
        return Contents(manifest)


@pytest.mark.gen_test(timeout=60)
@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("maker", [Concatenation(BackendOptions())], ids=["concatenation"])
async def test_slices_in_a_body_of_unknown_length(
    base_url: str, http_client: AsyncHTTPClient, photos: Path
) -> None:
    answer = await http_client.fetch(base_url + LINK)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.body == b"".join(content for _, content in sorted(contents(photos / "album").items()))
