"""Links on the walk: which are followed where links are, and that none leads out."""

import os
from pathlib import Path

import pytest

from tests.sources.local.walk.tree import FOLLOW, files, names, sources


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
