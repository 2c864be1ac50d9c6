"""The service with every backend, one album, and around it what a link must not reach."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from tests.helpers.servers import tool
from tests.integration.archive_link.responses import ALBUM, MEDIA_TYPES
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.settings.options import Settings
from tornado_archiver.source import Storage
from tornado_archiver.telemetry.photos import PhotosProbe
from tornado_archiver.web.app import ArchiverApplication


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """One album, and around it what a link must not reach."""
    root = tmp_path / "photos"
    unwanted = [root / name for name in (".hidden", "#recycle", "@EADIR", "lost+found", "$RECYCLE.BIN")]
    for directory in (root / ALBUM, *unwanted, root / "#recycle/deleted", tmp_path / "outside"):
        directory.mkdir(parents=True)
        (directory / "1.jpg").write_bytes(b"a picture")
    (root / "empty").mkdir()
    (root / "junk").mkdir()
    (root / "junk" / "Thumbs.db").touch()
    (root / "file").write_bytes(b"a file")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "link").symlink_to(ALBUM)
    (root / "nowhere").symlink_to("nothing")
    (root / "to-hidden").symlink_to(".hidden")
    (root / "to-junk").symlink_to("#recycle")
    (root / "into-junk").symlink_to("#recycle/deleted")
    return root


@pytest.fixture(params=MEDIA_TYPES)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "zip":
        tool("zip")
    return name


@pytest.fixture
def settings() -> dict[str, Any]:
    """Settings beyond the photos directory and the backend; tests override it."""
    return {}


@pytest.fixture
def storage(request: pytest.FixtureRequest, photos: Path) -> Storage | None:
    """A replacement of the photos directory, created by the parameter of the test."""
    make = getattr(request, "param", None)
    return make(photos) if make else None


@pytest.fixture
def app(
    io_loop: IOLoop, photos: Path, backend: str, settings: dict[str, Any], storage: Storage | None
) -> ArchiverApplication:
    wanted = Settings(photos_dir=photos, backend=backend, **settings)
    service = io_loop.run_sync(lambda: create_services(wanted))
    if storage is not None:
        service = dataclasses.replace(service, storage=storage)
    return ArchiverApplication(service, photos=PhotosProbe(photos), upstream="http://127.0.0.1:7777")
