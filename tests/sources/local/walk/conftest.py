"""A source directory to scan, for each test."""

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the source; its sibling `outside` must never be packed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_bytes(b"secret")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"
