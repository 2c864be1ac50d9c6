"""Albums of a service without the right of root to read everything, and their manifests."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.unprivileged import unprivileged
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage, UnreadablePolicy
from tornado_archiver.sources.local.unreadable import skip_unreadable
from tornado_archiver.testing import trees

HASH = "5ecre7hash"
HEADLINE = "These files and directories are missing from this archive, because they could not be read:\n"


@contextmanager
def public_photos() -> Iterator[Path]:
    """Yield a directory that every user can enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        yield Path(root)


def album_in(photos: Path) -> Path:
    trees.write(photos / HASH / "1.jpg", trees.noise(300_000), age_s=1)
    trees.write(photos / HASH / "a/2.jpg", b"two", age_s=2)
    trees.write(photos / HASH / "b/3.jpg", b"three", age_s=7)
    trees.write(photos / HASH / "z.txt", b"last", age_s=3)
    trees.settle_directories(photos / HASH)
    return photos / HASH


class UnprivilegedStorage(LocalStorage):
    """A local storage that scans without the right of root to read everything."""

    def __init__(
        self, photos_dir: Path, source_filter: SourceFilter, policy: UnreadablePolicy = skip_unreadable
    ) -> None:
        super().__init__(photos_dir, source_filter, policy)

    def _scan(self, name: bytes) -> Manifest:
        with unprivileged():
            return super()._scan(name)


def manifest(album: Path, policy: UnreadablePolicy = skip_unreadable) -> Manifest:
    return asyncio.run(UnprivilegedStorage(album.parent, SourceFilter(), policy).scan(album.name))


def names(found: Manifest) -> list[str]:
    return [entry.member_name for entry in found.entries]


def report_of(found: Manifest) -> Entry:
    (entry,) = (entry for entry in found.entries if entry.member_name.startswith("UNREADABLE"))
    return entry


def text_of(found: Manifest) -> str:
    with found.source.reader() as reader:
        return reader.read_all(report_of(found)).decode()
