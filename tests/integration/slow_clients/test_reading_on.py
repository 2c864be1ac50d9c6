"""A client that stood still and reads on gets the rest, or an honest end."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.raw_clients import parsed, request
from tests.helpers.servers import Server, fetch, running_server
from tests.integration.sendfile.stalling import all_of
from tests.integration.slow_clients.albums import FORMATS, KIB, MIB, has_closed, path_of, stand_still
from tornado_archiver.testing import trees

READ_BYTES = 2_500_000


def rest_of(server: Server, path: str, album: str) -> bytes:
    """Return the rest after READ_BYTES, after the server has closed the album."""
    with ExitStack() as clients:
        client = stand_still(server, path, clients, after=READ_BYTES)
        assert has_closed(server, album)
        client.sendall(request("/healthz", headers="Connection: close\r\n"))
        return all_of(client)


# Where a chunk in memory is in hand; a slice of a file is kept open instead
IN_MEMORY = [(album, backend) for album in ("thumbnails", "previews") for backend in FORMATS]
IN_MEMORY.append(("film", "stored-zip"))


@pytest.mark.parametrize(("album", "backend"), IN_MEMORY)
def test_archive_is_complete_after_a_stall(server: Server, album: str, backend: str) -> None:
    path = path_of(album, backend)
    whole = fetch(server.port, path)
    data = rest_of(server, path, album)
    archive, found, _ = data.partition(b"HTTP/1.1 200 OK\r\n")
    assert found
    assert archive == whole[READ_BYTES:]


def test_ranges_are_complete_after_a_stall(server: Server) -> None:
    """Of several ranges, each goes on where it stood."""
    whole, middle = fetch(server.port, path_of("film", "stored-zip")), 30 * MIB
    with ExitStack() as clients:
        client = clients.enter_context(open_ranges(server, f"bytes=0-{middle - 1},{middle}-"))
        data = bytearray(client.recv(MIB))
        while len(data) < READ_BYTES:
            data += client.recv(MIB)
        assert has_closed(server, "film")
        data += all_of(client)
    body = parsed(bytes(data)).body
    assert body.count(whole[:middle]) == body.count(whole[middle:]) == 1


def open_ranges(server: Server, ranges: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    headers = f"Range: {ranges}\r\nConnection: close\r\n"
    client.sendall(request(path_of("film", "stored-zip"), headers=headers))
    return client


def rewritten(path: Path) -> None:
    """Other content in place, with the time that it had."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(trees.noise(status.st_size, 9))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("size", "backend"), [(100 * KIB, "stored-zip"), (100 * KIB, "tar"), (80 * MIB, "stored-zip")]
)
def test_album_that_changes_during_a_stall_is_aborted(tmp_path: Path, size: int, backend: str) -> None:
    """Every file is rewritten, so the one whose first part was sent is among them."""
    for number in range(max(2, 8 * MIB // size)):
        trees.write(tmp_path / "album" / f"{number:03}.jpg", trees.noise(min(size, MIB), number))
        os.truncate(tmp_path / "album" / f"{number:03}.jpg", size)
    with running_server(tmp_path, "--backend", backend) as server, ExitStack() as clients:
        client = stand_still(server, "/archive/album/", clients, after=READ_BYTES)
        assert has_closed(server, "album")
        for path in (tmp_path / "album").iterdir():
            rewritten(path)
        with pytest.raises(ConnectionResetError):
            all_of(client)


def test_partly_sent_file_is_not_mixed_with_another(tmp_path: Path) -> None:
    """The chunk that was prepared when the client stopped holds the next files, and opens one of them."""
    album, start = tmp_path / "album", b"o" * MIB
    for name, size in (
        ("1.mp4", 20 * MIB),
        *((f"2-{n}.jpg", 20 * KIB) for n in range(10)),
        ("3.mp4", 20 * MIB),
    ):
        trees.write(album / name, start)
        os.truncate(album / name, size)
    with running_server(tmp_path, "--backend", "tar") as server, ExitStack() as clients:
        client = stand_still(server, "/archive/album/", clients, after=19 * MIB)
        assert has_closed(server, "album")
        rewritten(album / "1.mp4")
        with pytest.raises(ConnectionResetError):
            all_of(client)
