"""Albums of every kind, and a server for many clients of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.servers import Server, running_server
from tests.integration.slow_clients.albums import ALBUMS
from tornado_archiver.testing import trees


@pytest.fixture(scope="package")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for name, (files, size) in ALBUMS.items():
        content = trees.noise(size, 1)
        for number in range(files):
            trees.write(root / name / f"{number:04}.jpg", content)
    os.truncate(root / "film" / "0000.jpg", 70 << 20)  # above the threshold
    return root


@pytest.fixture(scope="package")
def server(photos: Path) -> Iterator[Server]:
    limits = ("--max-downloads-per-client", "0", "--max-downloads", "0", "--idle-timeout", "0")
    with running_server(photos, "--formats", "tar", *limits) as server:
        yield server
