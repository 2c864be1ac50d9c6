"""A fixture with all sources of settings, empty at first."""

from pathlib import Path

import pytest

from tests.settings.sources import Sources


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)
