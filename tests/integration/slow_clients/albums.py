"""Contents of the albums, and clients that read a part of an archive and stall."""

import socket
from contextlib import ExitStack, suppress

from tests.helpers.raw_clients import read_head, request
from tests.helpers.servers import Server, eventually

KIB, MIB = 1 << 10, 1 << 20
FORMATS = ("stored-zip", "tar")

# Number and size of the files: tiny ones, those around what is read whole, slices, stored deflate blocks
ALBUMS = {
    "tiny": (600, 1 * KIB),
    "thumbnails": (600, 10 * KIB),
    "previews": (96, 128 * KIB),
    "pictures": (48, 128 * KIB + 1),
    "photos": (8, 4 * MIB),
    "film": (1, 8 * MIB),
}
_RECEIVE_BUFFER = 64 * KIB  # as a client far away has: what it does not read stays with the server


def path_of(album: str, backend: str) -> str:
    return f"/archive/{album}/?format={backend}"


def stand_still(server: Server, path: str, clients: ExitStack, after: int = 0) -> socket.socket:
    """A client that has read the headers and `after` bytes of the body, and reads no more."""
    client = clients.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    client.settimeout(60)
    client.connect(("127.0.0.1", server.port))
    client.sendall(request(path))
    left = after - len(read_head(client).partition(b"\r\n\r\n")[2])
    while left > 0 and (part := client.recv(min(left, MIB))):
        left -= len(part)
    return client


def open_files(server: Server, album: str) -> int:
    """How many files and directories of the album the server has open."""
    paths = []
    with suppress(OSError):
        paths = [file.path for file in server.worker.open_files()]
    return sum(f"/{album}/" in path for path in paths)


def has_closed(server: Server, album: str) -> bool:
    return eventually(lambda: not open_files(server, album))
