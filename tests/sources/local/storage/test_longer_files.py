"""Files with more content than their size, as in /proc: a Google Doc in an rclone mount is like that."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sources.local.storage.photos_root import scan
from tornado_archiver.errors import SourceChangedError
from tornado_archiver.source import Entry
from tornado_archiver.sources.local.file import LocalFile
from tornado_archiver.sources.local.storage import LocalReader

PROC, ALBUM = Path("/proc/sys/kernel"), "random"  # every size in it is 0
MESSAGE = r"'poolsize' holds more than the 0 bytes of its size"


@pytest.fixture(name="opened")
def open_album() -> Iterator[tuple[LocalReader, Entry]]:
    """Yield a reader and the entry of a file with size 0 and content."""
    manifest = scan(PROC, ALBUM)
    with manifest.source.reader() as reader:
        assert isinstance(reader, LocalReader)
        yield reader, next(entry for entry in manifest.entries if entry.member_name == "poolsize")


def check_content(reader: LocalReader, entry: Entry) -> None:
    with closing(reader.open_file(entry)) as content:
        content.verify()


@pytest.mark.parametrize(
    "read",
    [LocalReader.read_all, lambda reader, entry: list(reader.iter_blocks(entry, 1000)), check_content],
    ids=["whole", "blocks", "content"],
)
def test_read_of_file_longer_than_its_size_raises(
    opened: tuple[LocalReader, Entry], read: Callable[[LocalReader, Entry], object]
) -> None:
    with pytest.raises(SourceChangedError, match=MESSAGE):
        read(*opened)


def test_verify_of_file_longer_than_its_size_raises(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc has no such file with a size above 0, so the size of the entry is patched."""
    manifest = scan(photos)
    entry = next(entry for entry in manifest.entries if entry.member_name == "a.txt")
    with manifest.source.reader() as reader:
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
