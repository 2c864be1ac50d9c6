"""Manifests of a photos root, and the check that errors do not reveal its paths."""

import asyncio
from pathlib import Path

from tornado_archiver.errors import ArchiverError
from tornado_archiver.source import Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage

HASH = "5ecre7hash"
FOLLOW = SourceFilter(follow_symlinks=True)


def scan(photos: Path, name: str = HASH, source_filter: SourceFilter | None = None) -> Manifest:
    return asyncio.run(LocalStorage(photos, source_filter or SourceFilter()).scan(name))


def names(photos: Path, name: str = HASH, source_filter: SourceFilter | None = None) -> list[str]:
    return [entry.member_name for entry in scan(photos, name, source_filter).entries]


def assert_reveals_no_path(error: ArchiverError, photos: Path) -> None:
    """Check that the error does not reveal the hash, because users without the link may read the log."""
    text = str(error)
    assert text
    assert HASH not in text
    assert str(photos) not in text
    assert not any(word.startswith("/") for word in text.replace("'", " ").split())
