"""An album with a large file, a server that sends it, and one within the test's own process."""

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from tests.helpers.servers import Server, fetch, running_server
from tests.integration.sendfile.stalling import BACKENDS, LINK, MIB
from tornado_archiver.backend import Backend
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.settings.options import Settings
from tornado_archiver.telemetry.photos import PhotosProbe
from tornado_archiver.testing import trees
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.net.sendfile import SendfileServer


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def server(photos: Path) -> Iterator[Server]:
    with running_server(photos, "--formats", "tar", "--max-downloads-per-client", "0") as server:
        yield server


@pytest.fixture(scope="package")
def archives(server: Server) -> dict[str, bytes]:
    return {name: fetch(server.port, f"{LINK}?format={name}") for name in BACKENDS}


@pytest.fixture
def maker() -> Backend | None:
    """Who makes the archives in place of stored-zip; tests override it."""
    return None


@pytest.fixture
def app(io_loop: IOLoop, photos: Path, maker: Backend | None) -> ArchiverApplication:
    service = io_loop.run_sync(lambda: create_services(Settings(photos_dir=photos, settle_time=0)))
    if maker is not None:
        service = dataclasses.replace(service, backends=[maker])
    return ArchiverApplication(service, photos=PhotosProbe(photos), upstream="")


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
