"""Directories that make a walk hard: too deep, closed, gone meanwhile, or no descriptor left for them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT
from tests.helpers.unprivileged import unprivileged
from tests.sources.local.walk.tree import FOLLOW, files, names, walked
from tornado_archiver.errors import SourceUnreadableError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.walk import walk
from tornado_archiver.testing.probes import nothing_left_open

DEEP = 1200  # more than Python's recursion goes


# Depth


@pytest.fixture
def deep_root(root: Path) -> Iterator[Path]:
    """A file and a link beneath so many directories that no path of theirs may be joined or recursed into."""
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(DEEP):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
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
    assert found[DEEP].member_name == "d/" * DEEP + "file"
    assert found[DEEP].source_key.decode() == found[DEEP].member_name


# What goes wrong


WITHOUT_DESCRIPTORS = """
import os, resource, sys
from tornado_archiver.errors import BackendError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.walk import walk
root = os.open(sys.argv[1], os.O_RDONLY)
for left in range(1, 5):
    resource.setrlimit(resource.RLIMIT_NOFILE, (root + 1 + left, 100))
    try:
        print(left, len(walk(root, SourceFilter(follow_symlinks=True)).entries))
    except BackendError as error:
        print(left, "BackendError")
"""


def test_a_link_is_not_left_out_for_want_of_descriptors(root: Path) -> None:
    files(root, "a/file")
    (root / "link").symlink_to("a/file")
    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(root)]
    ended = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    outcomes = dict(line.split() for line in ended.stdout.splitlines())
    assert outcomes["1"] == "BackendError"
    assert outcomes["4"] == "3"
    assert set(outcomes.values()) == {"BackendError", "3"}


def test_a_directory_that_may_not_be_listed(root: Path) -> None:
    files(root, "a/b/file")
    (root / "a/b").chmod(0)
    descriptor = os.open(root, os.O_RDONLY)
    try:
        with unprivileged():
            walked = walk(descriptor, SourceFilter())
    finally:
        os.close(descriptor)
        (root / "a/b").chmod(0o755)
    assert [entry.member_name for entry in walked.entries] == ["a/", "a/b/"]
    assert walked.unreadable_dirs == {"a/b/": "'a/b/' cannot be read: Permission denied"}


def test_a_source_that_may_not_be_listed(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    root.chmod(0)
    try:
        with unprivileged(), pytest.raises(SourceUnreadableError):
            walk(descriptor, SourceFilter())
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
