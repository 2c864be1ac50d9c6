"""The end of an archive from the zip program, with the modes of the manifest."""

import io
import zipfile
from collections.abc import Sequence

import pytest

from tests.helpers.memory_storage import entry
from tornado_archiver.backends.zip.modes import ArchiveEnd
from tornado_archiver.errors import BackendError
from tornado_archiver.source import Entry

CONTENT = bytes(range(256)) * 1000


def archive_of(names: Sequence[str], content: bytes = b"") -> bytes:
    """Return an archive made by Python, which writes the same records as the zip program."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as writing:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100444 << 16 | 0x01
            writing.writestr(info, content)
    return made.getvalue()


def entries_of(names: Sequence[str]) -> list[Entry]:
    return [entry(name)._replace(mode=0o600 + number % 8) for number, name in enumerate(names)]


def passed_on(data: bytes, entries: Sequence[Entry], chunk_bytes: int) -> list[bytes]:
    end = ArchiveEnd(entries)
    chunks = [data[start : start + chunk_bytes] for start in range(0, len(data), chunk_bytes)]
    return [*(given for chunk in chunks for given in end.push(chunk)), end.finish()]


@pytest.mark.parametrize("count", [1, 3, 65_534, 65_535, 66_000])
def test_modes_of_the_manifest_replace_those_of_the_disk(count: int) -> None:
    names = [f"Grüße/{number}.txt" for number in range(count)]
    data, entries = archive_of(names), entries_of(names)
    with zipfile.ZipFile(io.BytesIO(b"".join(passed_on(data, entries, 64 * 1024)))) as opened:
        attributes = [info.external_attr for info in opened.infolist()]
        assert opened.testzip() is None
    assert attributes == [(0o100000 | item.mode) << 16 | 0x01 for item in entries]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 4096, 1 << 30])
def test_nothing_but_the_modes_changes_with_chunks_of_any_size(chunk_bytes: int) -> None:
    names = ["a", "b/c.txt"]
    data, entries = archive_of(names, b"PK\1\2" * 500), entries_of(names)
    given = b"".join(passed_on(data, entries, chunk_bytes))
    assert len(given) == len(data)
    assert sum(one != other for one, other in zip(given, data, strict=True)) <= 2 * len(names)


def test_contents_are_released_before_the_end() -> None:
    entries = entries_of(["a"])
    data = archive_of(["a"], CONTENT)
    *before, rest = passed_on(data, entries, 1000)
    assert len(rest) < 2000
    assert b"".join(before) == data[: len(data) - len(rest)]


@pytest.mark.parametrize(
    ("packed", "asked_for"),
    [(["a"], ["a", "b"]), (["a", "b"], ["a"]), (["a", "c"], ["a", "b"])],
    ids=["too few", "too many", "another"],
)
def test_other_members_than_requested_are_refused(packed: list[str], asked_for: list[str]) -> None:
    with pytest.raises(BackendError):
        passed_on(archive_of(packed), entries_of(asked_for), 4096)


@pytest.mark.parametrize("data", [b"", b"PK", archive_of(["a"])[:-1], b"x" * 5000])
def test_truncated_end_is_refused(data: bytes) -> None:
    with pytest.raises(BackendError):
        passed_on(data, entries_of(["a"]), 4096)


def test_central_directory_longer_than_what_is_held_back_is_refused() -> None:
    names = ["a"]
    data = bytearray(archive_of(names))
    data[-10:-6] = (100_000).to_bytes(4, "little")
    with pytest.raises(BackendError, match="longer"):
        passed_on(bytes(data), entries_of(names), 4096)
