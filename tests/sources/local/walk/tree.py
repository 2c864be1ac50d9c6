"""Trees to walk over, and what the walk makes of them."""

import os
from pathlib import Path

from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.walk import walk

FOLLOW = SourceFilter(follow_symlinks=True)


def files(root: Path, *names: str) -> None:
    """Files with their parents; a name that ends in a slash is an empty directory."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())


def walked(root: Path, selection: SourceFilter | None = None) -> tuple[Entry, ...]:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return walk(descriptor, selection or SourceFilter()).entries
    finally:
        os.close(descriptor)


def names(root: Path, selection: SourceFilter | None = None) -> list[str]:
    return [entry.member_name for entry in walked(root, selection)]


def sources(root: Path, selection: SourceFilter | None = None) -> dict[str, bytes]:
    return {entry.member_name: entry.source_key for entry in walked(root, selection)}
