"""Errors of a scan: deep, unreadable, moved and removed directories, and a lack of descriptors."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT
from tests.helpers.unprivileged import unprivileged
from tests.sources.local.walk.tree import FOLLOW, files, names, scan
from tornado_archiver.errors import SourceUnreadableError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.walk import walk
from tornado_archiver.testing.probes import nothing_left_open

DEEP = 1200  # above the recursion limit of Python


# Depth


@pytest.fixture
def deep_root(root: Path) -> Iterator[Path]:
    """Yield a source with a file and a link beneath DEEP directories, with paths longer than a recursion."""
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
    subprocess.run(["rm", "-rf", root], check=True)  # because the cleanup of pytest recurses


def test_scan_deeper_than_recursion_limit_succeeds(deep_root: Path) -> None:
    entries = scan(deep_root, FOLLOW)
    assert len(entries) >= DEEP + 1
    assert entries[DEEP].member_name == "d/" * DEEP + "file"
    assert entries[DEEP].source_key.decode() == entries[DEEP].member_name


# Errors


WITHOUT_DESCRIPTORS = """
import os, resource, sys
from tornado_archiver.errors import BackendError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.walk import walk
root = os.open(sys.argv[1], os.O_RDONLY)
for free in range(1, 5):
    resource.setrlimit(resource.RLIMIT_NOFILE, (root + 1 + free, 100))
    try:
        print(free, len(walk(root, SourceFilter(follow_symlinks=True)).entries))
    except BackendError as error:
        print(free, "BackendError")
"""


def test_link_without_free_descriptors_raises_backend_error(root: Path) -> None:
    files(root, "a/file")
    (root / "link").symlink_to("a/file")
    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(root)]
    ended = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    outcomes = dict(line.split() for line in ended.stdout.splitlines())
    assert outcomes["1"] == "BackendError"
    assert outcomes["4"] == "3"
    assert set(outcomes.values()) == {"BackendError", "3"}


def test_unlistable_subdirectory_is_recorded(root: Path) -> None:
    files(root, "a/b/file")
    (root / "a/b").chmod(0)
    descriptor = os.open(root, os.O_RDONLY)
    try:
        with unprivileged():
            result = walk(descriptor, SourceFilter())
    finally:
        os.close(descriptor)
        (root / "a/b").chmod(0o755)
    assert [entry.member_name for entry in result.entries] == ["a/", "a/b/"]
    ((name, error),) = result.unreadable_dirs.items()
    assert name == "a/b/"
    assert str(error).startswith("'a/b/' cannot be read: Permission denied for user ")


def test_unlistable_source_raises_source_unreadable(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    root.chmod(0)
    try:
        with unprivileged(), pytest.raises(SourceUnreadableError):
            walk(descriptor, SourceFilter())
    finally:
        os.close(descriptor)
        root.chmod(0o755)


def test_source_moved_during_scan_is_scanned(root: Path) -> None:
    files(root, "a/file")
    (root / "link").symlink_to("a/file")
    descriptor = os.open(root, os.O_RDONLY)
    try:
        root.rename(root.with_name("moved"))
        assert [entry.member_name for entry in walk(descriptor, FOLLOW).entries] == ["a/", "a/file", "link"]
    finally:
        os.close(descriptor)


def test_source_removed_during_scan_has_no_entries(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    try:
        root.rmdir()
        assert walk(descriptor, FOLLOW).entries == ()
    finally:
        os.close(descriptor)


def test_scan_leaves_no_descriptor_open(root: Path) -> None:
    files(root, "a/b/c/file", "d/file")
    (root / "link").symlink_to("a/b")
    with nothing_left_open():
        names(root, FOLLOW)
