"""The service with its album, each way of sending, and the archive as its backend makes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from tests.helpers.servers import tool
from tests.integration.ranges.album import ALBUM, PLANNED
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.settings.options import Settings
from tornado_archiver.source import read_chunk
from tornado_archiver.telemetry.photos import PhotosProbe
from tornado_archiver.testing import trees
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.net.sendfile import SendfileServer
from tornado_archiver.web.services import Services

WAYS = (HTTPServer, SendfileServer)
WAY_NAMES = ("plain", "sendfile")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album with a content of every kind: nothing, small, stored, and above `stored_threshold`."""
    root = tmp_path_factory.mktemp("photos")
    trees.write(root / ALBUM / "1.jpg", trees.noise(500_000, 1))
    trees.write(root / ALBUM / "2.jpg", trees.noise(1_300_000, 2))
    trees.write(root / ALBUM / "empty.txt", b"")
    trees.write(root / ALBUM / "small" / "Сумерки.txt", b"twilight")
    trees.write(root / ALBUM / "small" / "void.jpg", trees.noise(40_000, 3))
    return root


@pytest.fixture(params=PLANNED)
def backend(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture
def service(io_loop: IOLoop, photos: Path, backend: str) -> Services:
    if backend == "zip":
        tool("zip")
    settings = Settings(photos_dir=photos, backend=backend, stored_threshold=1_000_000, settle_time=0)
    return cast(Services, io_loop.run_sync(lambda: create_services(settings)))


@pytest.fixture
def app(service: Services, photos: Path) -> ArchiverApplication:
    return ArchiverApplication(service, photos=PhotosProbe(photos), upstream="")


@pytest.fixture(params=WAYS, ids=WAY_NAMES)
def http_server(
    request: pytest.FixtureRequest,
    io_loop: IOLoop,
    app: ArchiverApplication,
    _unused_port: tuple[object, int],
) -> Iterator[HTTPServer]:
    """In place of the plugin's own, which knows one way only."""
    server = request.param(app)
    server.add_socket(_unused_port[0])
    yield server
    server.stop()
    io_loop.run_sync(server.close_all_connections)


@pytest.fixture
def whole(io_loop: IOLoop, service: Services) -> bytes:
    """The archive, from its backend: nothing of HTTP has touched it."""

    async def packed() -> bytes:
        archive = await service.backends[0].open(await service.storage.scan(ALBUM))
        return b"".join([read_chunk(chunk) async for chunk in archive.chunks()])

    return cast(bytes, io_loop.run_sync(packed))
