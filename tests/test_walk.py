"""The walk over real directories: what becomes a member, under which name, in which order."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import PROJECT
from tests.unprivileged import unprivileged
from tornado_archiver.errors import SourceUnreadableError
from tornado_archiver.manifest import Entry
from tornado_archiver.selection import Selection
from tornado_archiver.testing.footprint import nothing_left_open
from tornado_archiver.walk import walk

FOLLOW = Selection(follow_symlinks=True)
DEEP = 1200  # more than Python's recursion goes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The source: `outside` beside it must never be packed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_bytes(b"secret")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def files(root: Path, *names: str) -> None:
    """Files with their parents; a name that ends in a slash is an empty directory."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())


def walked(root: Path, selection: Selection | None = None) -> tuple[Entry, ...]:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return walk(descriptor, selection or Selection()).entries
    finally:
        os.close(descriptor)


def names(root: Path, selection: Selection | None = None) -> list[str]:
    return [entry.member_name for entry in walked(root, selection)]


def sources(root: Path, selection: Selection | None = None) -> dict[str, bytes]:
    return {entry.member_name: entry.source_name for entry in walked(root, selection)}


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
    assert names(root, Selection(include_hidden=True)) == hidden
    assert names(root, Selection(include_litter=True)) == litter
    both = names(root, Selection(include_hidden=True, include_litter=True))
    assert both == sorted({*hidden, *litter})


# Followed links


def test_a_followed_link_is_packed_as_its_target_under_its_own_name(root: Path) -> None:
    files(root, "photos/1.jpg", "photos/deep/2.jpg")
    (root / "cover.jpg").symlink_to("photos/1.jpg")
    (root / "album").symlink_to("photos")
    (root / "photos/deep/up.jpg").symlink_to("../1.jpg")
    assert sources(root, FOLLOW) == {
        "album/": b"photos",
        "album/1.jpg": b"photos/1.jpg",
        "album/deep/": b"photos/deep",
        "album/deep/2.jpg": b"photos/deep/2.jpg",
        "album/deep/up.jpg": b"photos/1.jpg",
        "cover.jpg": b"photos/1.jpg",
        "photos/": b"photos",
        "photos/1.jpg": b"photos/1.jpg",
        "photos/deep/": b"photos/deep",
        "photos/deep/2.jpg": b"photos/deep/2.jpg",
        "photos/deep/up.jpg": b"photos/1.jpg",
    }


def test_absolute_links_and_chains_of_links(root: Path) -> None:
    files(root, "a/file")
    (root / "absolute").symlink_to(root / "a/file")
    (root / "folder").symlink_to(root / "a")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("folder/three")
    (root / "a/three").symlink_to("../absolute")
    for name in ("absolute", "one", "two", "a/three", "folder/three"):
        assert sources(root, FOLLOW)[name] == b"a/file"


@pytest.mark.parametrize(
    "target",
    [
        "../outside",
        "../outside/secret.txt",
        "..",
        "/",
        "/etc",
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/self/cwd",
        "nothing",
        "a/nothing",
        "a/file/nothing",
        ".",
        "a/..",
        "link",
        "n" * 300,
    ],
)
def test_links_that_lead_nowhere_in_the_directory_are_left_out(root: Path, target: str) -> None:
    files(root, "a/file")
    (root / "link").symlink_to(target)
    (root / "via").symlink_to("link")
    assert names(root, FOLLOW) == ["a/", "a/file"]


def test_a_link_out_of_the_directory_by_an_absolute_path_that_looks_like_it(root: Path) -> None:
    files(root, "file")
    sibling = root.with_name("root2")
    files(sibling, "secret")
    (root / "link").symlink_to(sibling)
    (root / "and/back").parent.mkdir()
    (root / "and/back").symlink_to("../../root2/../root/file")
    assert sources(root, FOLLOW) == {"and/": b"and", "and/back": b"file", "file": b"file"}


def test_loops_of_links_end(root: Path) -> None:
    files(root, "a/file", "b/file")
    (root / "self").symlink_to("self")
    (root / "ping").symlink_to("pong")
    (root / "pong").symlink_to("ping")
    (root / "a/up").symlink_to("..")
    (root / "a/here").symlink_to("../a")
    (root / "a/to-b").symlink_to("../b")
    (root / "b/to-a").symlink_to("../a")
    folders = {"a/", "b/", "a/to-b/", "b/to-a/"}
    assert set(names(root, FOLLOW)) == folders | {f"{folder}file" for folder in folders}


def test_more_links_in_a_row_than_the_system_follows(root: Path) -> None:
    files(root, "0")
    for number in range(2000):
        (root / str(number + 1)).symlink_to(str(number))
    found = sources(root, FOLLOW)
    assert found["40"] == b"0"
    assert "2000" not in found


def test_a_link_to_a_pipe_is_left_out(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to("pipe")
    assert names(root, FOLLOW) == []


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


# Depth


@pytest.fixture
def deep_root(root: Path) -> Iterator[Path]:
    """A file and a link beneath so many directories that no path of theirs may be joined or recursed into."""
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(DEEP):
        os.mkdir("deeper", dir_fd=descriptor)
        below = os.open("deeper", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.symlink("file", "link", dir_fd=descriptor)
    os.close(descriptor)
    yield root
    subprocess.run(["rm", "-rf", root], check=True)  # pytest's own way recurses


def test_deeper_than_python_recurses(deep_root: Path) -> None:
    found = walked(deep_root, FOLLOW)
    assert len(found) >= DEEP + 1
    assert found[DEEP].member_name == "deeper/" * DEEP + "file"
    assert found[DEEP].source_name.decode() == found[DEEP].member_name


# What goes wrong


WITHOUT_DESCRIPTORS = """
import os, resource, sys
from tornado_archiver.errors import PackingError
from tornado_archiver.selection import Selection
from tornado_archiver.walk import walk
root = os.open(sys.argv[1], os.O_RDONLY)
for left in range(1, 5):
    resource.setrlimit(resource.RLIMIT_NOFILE, (root + 1 + left, 100))
    try:
        print(left, len(walk(root, Selection(follow_symlinks=True)).entries))
    except PackingError as error:
        print(left, "PackingError")
"""


def test_a_link_is_not_left_out_for_want_of_descriptors(root: Path) -> None:
    files(root, "a/file")
    (root / "link").symlink_to("a/file")
    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(root)]
    ended = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    outcomes = dict(line.split() for line in ended.stdout.splitlines())
    assert outcomes["1"] == "PackingError"
    assert outcomes["4"] == "3"
    assert set(outcomes.values()) == {"PackingError", "3"}


def test_a_directory_that_may_not_be_listed(root: Path) -> None:
    files(root, "a/b/file")
    (root / "a/b").chmod(0)
    descriptor = os.open(root, os.O_RDONLY)
    try:
        with unprivileged():
            walked = walk(descriptor, Selection())
    finally:
        os.close(descriptor)
        (root / "a/b").chmod(0o755)
    assert [entry.member_name for entry in walked.entries] == ["a/", "a/b/"]
    assert walked.unlistable == {"a/b/": "'a/b/' cannot be read: Permission denied"}


def test_a_source_that_may_not_be_listed(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    root.chmod(0)
    try:
        with unprivileged(), pytest.raises(SourceUnreadableError):
            walk(descriptor, Selection())
    finally:
        os.close(descriptor)
        root.chmod(0o755)


def test_a_directory_that_is_moved_meanwhile(root: Path) -> None:
    files(root, "a/file")
    (root / "link").symlink_to("a/file")
    descriptor = os.open(root, os.O_RDONLY)
    try:
        root.rename(root.with_name("moved"))
        assert [entry.member_name for entry in walk(descriptor, FOLLOW).entries] == ["a/", "a/file", "link"]
    finally:
        os.close(descriptor)


def test_a_directory_that_is_removed_meanwhile(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    try:
        root.rmdir()
        assert walk(descriptor, FOLLOW).entries == ()
    finally:
        os.close(descriptor)


def test_no_descriptor_is_left_open(root: Path) -> None:
    files(root, "a/b/c/file", "d/file")
    (root / "link").symlink_to("a/b")
    with nothing_left_open():
        names(root, FOLLOW)
