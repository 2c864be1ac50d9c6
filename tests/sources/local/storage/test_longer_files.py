"""Files that hold more than their size says, as in /proc: a Google Doc in an rclone mount is like that."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sources.local.storage.photos_root import manifest
from tornado_archiver.errors import SourceChangedError
from tornado_archiver.source import Entry
from tornado_archiver.sources.local.file import LocalFile
from tornado_archiver.sources.local.storage import LocalReader

PROC, ALBUM = Path("/proc/sys/kernel"), "random"  # every size in it is 0
TOLD = r"'poolsize' holds more than the 0 bytes that its size says"


@pytest.fixture(name="opened")
def opened_album() -> Iterator[tuple[LocalReader, Entry]]:
    """A reader and the entry of a file of "0 bytes" with content."""
    found = manifest(PROC, ALBUM)
    with found.source.reader() as reader:
        assert isinstance(reader, LocalReader)
        yield reader, next(entry for entry in found.entries if entry.member_name == "poolsize")


def check_content(reader: LocalReader, entry: Entry) -> None:
    with closing(reader.open_file(entry)) as content:
        content.verify()


@pytest.mark.parametrize(
    "read",
    [LocalReader.read_all, lambda reader, entry: list(reader.iter_blocks(entry, 1000)), check_content],
    ids=["whole", "blocks", "content"],
)
def test_reading_file_longer_than_its_size_raises(
    opened: tuple[LocalReader, Entry], read: Callable[[LocalReader, Entry], object]
) -> None:
    with pytest.raises(SourceChangedError, match=TOLD):
        read(*opened)


def test_content_longer_than_its_size_raises_at_the_end(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not empty, which /proc has not: its status is made to lie."""
    found = manifest(photos)
    entry = next(entry for entry in found.entries if entry.member_name == "a.txt")
    with found.source.reader() as reader:
        assert isinstance(reader, LocalReader)
        with closing(reader.open_file(entry)) as content:
            assert isinstance(content, LocalFile)
            content.verify()
            shorter = entry._replace(size=entry.size - 1)
            monkeypatch.setattr(content, "_entry", shorter)
            monkeypatch.setattr("tornado_archiver.sources.local.file.verify_stat", lambda entry, status: None)
            assert content.read(0, shorter.size) == b"firs"
            with pytest.raises(SourceChangedError, match="holds more than the 4 bytes"):
                content.verify()
