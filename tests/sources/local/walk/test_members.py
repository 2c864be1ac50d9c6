"""Members of a scan: which files become members, their names and their order."""

import os
import socket
from pathlib import Path

from tests.sources.local.walk.tree import FOLLOW, files, names, scan, source_keys
from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter

# Order and attributes


def test_entries_are_in_byte_order_with_directory_before_its_entries(root: Path) -> None:
    files(
        root, "b", "a/x", "a/x.y/z", "a-b", "a.txt", "a0", "Z", "é", "日", "\uffee", "🌪", "void/", "a/empty/"
    )
    expected = ["Z", "a-b", "a.txt", "a/", "a/empty/", "a/x", "a/x.y/", "a/x.y/z", "a0", "b", "void/"]
    assert names(root) == [*expected, "é", "日", "\uffee", "🌪"]
    assert [name.encode() for name in names(root)] == sorted(name.encode() for name in names(root))


def test_empty_source_has_no_entries(root: Path) -> None:
    assert scan(root) == ()


def test_entry_has_size_time_and_permission_bits(root: Path) -> None:
    files(root, "a/b.txt")
    os.chmod(root / "a/b.txt", 0o4751)
    os.utime(root / "a/b.txt", ns=(0, -1_500_000_001))
    os.chmod(root / "a", 0o1700)
    os.utime(root / "a", ns=(0, 1_600_000_000_123_456_789))
    assert scan(root) == (
        Entry("a/", b"a", 0, 1_600_000_000_123_456_789, 0o700),
        Entry("a/b.txt", b"a/b.txt", 7, -1_500_000_001, 0o751),
    )


def test_size_above_4_gib_is_exact(root: Path) -> None:
    files(root, "huge")
    os.truncate(root / "huge", 5 * 2**30)
    assert scan(root)[0].size == 5 * 2**30


# Omitted files


def test_link_pipe_and_socket_are_omitted(root: Path) -> None:
    files(root, "file", "folder/file")
    (root / "link").symlink_to("file")
    (root / "folder/link").symlink_to(".")
    (root / "dangling").symlink_to("nothing")
    os.mkfifo(root / "folder/pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(root / "socket"))
        assert names(root) == ["file", "folder/", "folder/file"]
        assert names(root, FOLLOW) == ["file", "folder/", "folder/file", "link"]


def test_hidden_and_junk_files_are_omitted_by_default(root: Path) -> None:
    files(root, "1.jpg", ".env", ".git/config", "a/.hidden", "a/Thumbs.db", "@eaDir/thumb.jpg", "x.filepart")
    ordinary = ["1.jpg", "a/"]
    hidden = [".env", ".git/", ".git/config", "1.jpg", "a/", "a/.hidden"]
    junk = ["1.jpg", "@eaDir/", "@eaDir/thumb.jpg", "a/", "a/Thumbs.db", "x.filepart"]
    assert names(root) == ordinary
    assert names(root, SourceFilter(include_hidden=True)) == hidden
    assert names(root, SourceFilter(include_junk=True)) == junk
    both = names(root, SourceFilter(include_hidden=True, include_junk=True))
    assert both == sorted({*hidden, *junk})


# Names


def test_member_names_are_portable_and_source_keys_exact(root: Path) -> None:
    raw = os.fsencode(root)
    os.mkdir(raw + b"/con")
    for name in (b"a:b", b"con/nul.txt", b"con/\xff", b"Case", b"case"):
        with open(os.path.join(raw, name), "wb"):
            pass
    assert source_keys(root) == {
        "Case": b"Case",
        "a\uff1ab": b"a:b",
        "case (2)": b"case",
        "con_/": b"con",
        "con_/%FF": b"con/\xff",
        "con_/nul_.txt": b"con/nul.txt",
    }


def test_names_in_different_directories_do_not_collide(root: Path) -> None:
    files(root, "A/x", "b/X", "b/a", "c")
    assert names(root) == ["A/", "A/x", "b/", "b/X", "b/a", "c"]


def test_link_and_file_with_colliding_names_are_numbered(root: Path) -> None:
    files(root, "a.jpg")
    (root / "A.jpg").symlink_to("a.jpg")
    assert names(root, FOLLOW) == ["A.jpg", "a (2).jpg"]
    assert names(root) == ["a.jpg"]  # an omitted link does not reserve a name
