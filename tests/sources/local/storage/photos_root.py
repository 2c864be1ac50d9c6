"""What is asked of a photos root, and what nobody may be told of it."""

import asyncio
from pathlib import Path

from tornado_archiver.errors import ArchiverError
from tornado_archiver.source import Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage

HASH = "5ecre7hash"
FOLLOW = SourceFilter(follow_symlinks=True)


def manifest(photos: Path, name: str = HASH, selection: SourceFilter | None = None) -> Manifest:
    return asyncio.run(LocalStorage(photos, selection or SourceFilter()).scan(name))


def names(photos: Path, name: str = HASH, selection: SourceFilter | None = None) -> list[str]:
    return [entry.member_name for entry in manifest(photos, name, selection).entries]


def assert_tells_nothing(error: ArchiverError, photos: Path) -> None:
    """The log may be read by people who must not have the link."""
    text = str(error)
    assert text
    assert HASH not in text
    assert str(photos) not in text
    assert not any(word.startswith("/") for word in text.replace("'", " ").split())
