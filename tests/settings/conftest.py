"""The four sources, empty, for each test."""

from pathlib import Path

import pytest

from tests.settings.sources import Sources


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)
