"""An album that a user without the rights of root can read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.unprivileged_storage import album_in, public_photos


@pytest.fixture
def photos() -> Iterator[Path]:
    with public_photos() as photos:
        yield photos


@pytest.fixture
def album(photos: Path) -> Path:
    return album_in(photos)
