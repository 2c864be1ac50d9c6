"""Symlinks in a scan: which are followed, and that a scan never leaves the source."""

import os
from pathlib import Path

import pytest

from tests.sources.local.walk.tree import FOLLOW, files, names, source_keys


def test_followed_link_is_packed_as_target_under_link_name(root: Path) -> None:
    files(root, "photos/1.jpg", "photos/deep/2.jpg")
    (root / "cover.jpg").symlink_to("photos/1.jpg")
    (root / "album").symlink_to("photos")
    (root / "photos/deep/up.jpg").symlink_to("../1.jpg")
    assert source_keys(root, FOLLOW) == {
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


def test_absolute_link_and_chain_of_links_are_followed(root: Path) -> None:
    files(root, "a/file")
    (root / "absolute").symlink_to(root / "a/file")
    (root / "folder").symlink_to(root / "a")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("folder/three")
    (root / "a/three").symlink_to("../absolute")
    for name in ("absolute", "one", "two", "a/three", "folder/three"):
        assert source_keys(root, FOLLOW)[name] == b"a/file"


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
def test_dangling_outside_or_looping_link_is_omitted(root: Path, target: str) -> None:
    files(root, "a/file")
    (root / "link").symlink_to(target)
    (root / "via").symlink_to("link")
    assert names(root, FOLLOW) == ["a/", "a/file"]


def test_link_to_sibling_with_same_prefix_is_omitted(root: Path) -> None:
    files(root, "file")
    sibling = root.with_name("root2")
    files(sibling, "secret")
    (root / "link").symlink_to(sibling)
    (root / "and/back").parent.mkdir()
    (root / "and/back").symlink_to("../../root2/../root/file")
    assert source_keys(root, FOLLOW) == {"and/": b"and", "and/back": b"file", "file": b"file"}


def test_link_loops_are_omitted(root: Path) -> None:
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


def test_chain_of_more_links_than_the_kernel_follows_is_omitted(root: Path) -> None:
    files(root, "0")
    for number in range(2000):
        (root / str(number + 1)).symlink_to(str(number))
    keys = source_keys(root, FOLLOW)
    assert keys["40"] == b"0"
    assert "2000" not in keys


def test_link_to_pipe_is_omitted(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to("pipe")
    assert names(root, FOLLOW) == []
