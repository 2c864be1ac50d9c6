"""The walk over real directories: what becomes a member, under which name, in which order."""

import os
import socket
from pathlib import Path

from tests.sources.local.walk.tree import FOLLOW, files, names, sources, walked
from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter

# Order and facts


def test_byte_order_with_a_directory_before_what_is_in_it(root: Path) -> None:
    files(
        root, "b", "a/x", "a/x.y/z", "a-b", "a.txt", "a0", "Z", "é", "日", "\uffee", "🌪", "void/", "a/empty/"
    )
    expected = ["Z", "a-b", "a.txt", "a/", "a/empty/", "a/x", "a/x.y/", "a/x.y/z", "a0", "b", "void/"]
    assert names(root) == [*expected, "é", "日", "\uffee", "🌪"]
    assert [name.encode() for name in names(root)] == sorted(name.encode() for name in names(root))


def test_an_empty_directory_has_no_entries(root: Path) -> None:
    assert walked(root) == ()


def test_what_an_entry_says(root: Path) -> None:
    files(root, "a/b.txt")
    os.chmod(root / "a/b.txt", 0o4751)
    os.utime(root / "a/b.txt", ns=(0, -1_500_000_001))
    os.chmod(root / "a", 0o1700)
    os.utime(root / "a", ns=(0, 1_600_000_000_123_456_789))
    assert walked(root) == (
        Entry("a/", b"a", 0, 1_600_000_000_123_456_789, 0o700),
        Entry("a/b.txt", b"a/b.txt", 7, -1_500_000_001, 0o751),
    )


def test_a_file_of_many_gigabytes(root: Path) -> None:
    files(root, "huge")
    os.truncate(root / "huge", 5 * 2**30)
    assert walked(root)[0].size == 5 * 2**30


# What is left out


def test_only_files_and_directories_are_packed(root: Path) -> None:
    files(root, "file", "folder/file")
    (root / "link").symlink_to("file")
    (root / "folder/link").symlink_to(".")
    (root / "dangling").symlink_to("nothing")
    os.mkfifo(root / "folder/pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(root / "socket"))
        assert names(root) == ["file", "folder/", "folder/file"]
        assert names(root, FOLLOW) == ["file", "folder/", "folder/file", "link"]


def test_hidden_files_and_litter(root: Path) -> None:
    files(root, "1.jpg", ".env", ".git/config", "a/.hidden", "a/Thumbs.db", "@eaDir/thumb.jpg", "x.filepart")
    plain = ["1.jpg", "a/"]
    hidden = [".env", ".git/", ".git/config", "1.jpg", "a/", "a/.hidden"]
    litter = ["1.jpg", "@eaDir/", "@eaDir/thumb.jpg", "a/", "a/Thumbs.db", "x.filepart"]
    assert names(root) == plain
    assert names(root, SourceFilter(include_hidden=True)) == hidden
    assert names(root, SourceFilter(include_litter=True)) == litter
    both = names(root, SourceFilter(include_hidden=True, include_litter=True))
    assert both == sorted({*hidden, *litter})


# Names


def test_names_that_not_every_system_holds_are_changed_and_still_found(root: Path) -> None:
    raw = os.fsencode(root)
    os.mkdir(raw + b"/con")
    for name in (b"a:b", b"con/nul.txt", b"con/\xff", b"Case", b"case"):
        with open(os.path.join(raw, name), "wb"):
            pass
    assert sources(root) == {
        "Case": b"Case",
        "a\uff1ab": b"a:b",
        "case (2)": b"case",
        "con_/": b"con",
        "con_/%FF": b"con/\xff",
        "con_/nul_.txt": b"con/nul.txt",
    }


def test_names_collide_only_within_one_directory(root: Path) -> None:
    files(root, "A/x", "b/X", "b/a", "c")
    assert names(root) == ["A/", "A/x", "b/", "b/X", "b/a", "c"]


def test_a_link_and_a_file_may_not_share_a_name_either(root: Path) -> None:
    files(root, "a.jpg")
    (root / "A.jpg").symlink_to("a.jpg")
    assert names(root, FOLLOW) == ["A.jpg", "a (2).jpg"]
    assert names(root) == ["a.jpg"]  # what is left out takes no name
