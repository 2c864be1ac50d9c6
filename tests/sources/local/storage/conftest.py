"""A photos root for each test, and the check that tests leave no descriptor open."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.local.storage.photos_root import HASH
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.probes import nothing_left_open

KIB = 1024


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a photos root with one source; its sibling `outside` must never be packed."""
    root = tmp_path / "photos"
    (root / HASH / "z").mkdir(parents=True)
    (root / HASH / "a.txt").write_bytes(b"first")
    # with an older time, because a change right after could get the same time from the clock
    trees.write(root / HASH / faults.TARGET, os.urandom(300 * KIB))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_bytes(b"secret")
    return root


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open() -> Iterator[None]:
    with nothing_left_open():
        yield
