"""Directory trees for tests of the scan, and the entries of the scan."""

import os
from pathlib import Path

from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.walk import walk

FOLLOW = SourceFilter(follow_symlinks=True)


def files(root: Path, *names: str) -> None:
    """Create files and their parents; a name that ends in a slash is an empty directory."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())


def scan(root: Path, source_filter: SourceFilter | None = None) -> tuple[Entry, ...]:
    source_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return walk(source_fd, source_filter or SourceFilter()).entries
    finally:
        os.close(source_fd)


def names(root: Path, source_filter: SourceFilter | None = None) -> list[str]:
    return [entry.member_name for entry in scan(root, source_filter)]


def source_keys(root: Path, source_filter: SourceFilter | None = None) -> dict[str, bytes]:
    return {entry.member_name: entry.source_key for entry in scan(root, source_filter)}
