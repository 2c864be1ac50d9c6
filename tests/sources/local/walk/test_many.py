"""Scans of deep, wide and link-rich trees: system calls are linear in the entries and stop at the limits."""

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.sources.local.walk.tree import FOLLOW, names, scan
from tornado_archiver.errors import ArchiveTooLargeError
from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalReader, LocalSource

DEPTH = 500
_MAX_EXTRA_OPENS = 20


def nest(root: Path, depth: int, fill: Callable[[int], object] = lambda dir_fd: None) -> None:
    """Create `depth` nested directories; call `fill` with a descriptor of each."""
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
        fill(descriptor)
    os.close(descriptor)


@pytest.fixture(name="tree")
def removable_tree(root: Path) -> Iterator[Path]:
    yield root
    subprocess.run(["rm", "-rf", root], check=True)  # because the cleanup of pytest recurses


@pytest.fixture(name="opened_paths")
def record_opens(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows by the path of each call of `os.open`."""
    opened: list[object] = []
    real = os.open

    def open_and_record(path: object, *args: object, **options: object) -> int:
        opened.append(path)
        return real(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_and_record)
    return opened


def create_two_files(dir_fd: int) -> None:
    """Create one file before and one after the sibling directory `d`, in byte order."""
    for name in ("a", "z"):
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=dir_fd))


def test_scan_of_nested_directories_opens_each_once(tree: Path, opened_paths: list[object]) -> None:
    nest(tree, DEPTH)
    opened_paths.clear()
    assert len(scan(tree)) == DEPTH
    assert len(opened_paths) <= DEPTH + _MAX_EXTRA_OPENS


def create_two_directories(dir_fd: int) -> None:
    for name in ("b", "e"):
        os.mkdir(name, dir_fd=dir_fd)


def test_scan_of_siblings_of_deep_directories_opens_few(tree: Path, opened_paths: list[object]) -> None:
    nest(tree, DEPTH, create_two_directories)
    opened_paths.clear()
    assert len(scan(tree)) == 3 * DEPTH
    assert len(opened_paths) < 12 * DEPTH


def read_all(reader: LocalReader, entries: Iterable[Entry]) -> None:
    for entry in entries:
        if not entry.is_directory:
            reader.read_all(entry)


@pytest.mark.parametrize("read", [read_all, LocalReader.verify])
def test_reader_of_nested_directories_opens_few(
    tree: Path, opened_paths: list[object], read: Callable[[LocalReader, Iterable[Entry]], None]
) -> None:
    nest(tree, DEPTH, create_two_files)
    entries = scan(tree)
    opened_paths.clear()
    with LocalReader(LocalSource(os.fsencode(tree.parent), os.fsencode(tree.name))) as reader:
        read(reader, entries)
    assert len(opened_paths) < 12 * DEPTH


def test_scan_of_many_links_to_one_deep_file_opens_few(tree: Path, opened_paths: list[object]) -> None:
    nest(tree, DEPTH, create_two_files)
    links = 1000
    for number in range(links):
        (tree / f"link{number}").symlink_to("d/" * DEPTH + "a")
    opened_paths.clear()
    assert len(scan(tree, FOLLOW)) == 3 * DEPTH + links
    assert len(opened_paths) < 2 * links + 12 * DEPTH


def test_scan_keeps_few_directories_open(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nest(tree, DEPTH)
    before, maximum = len(os.listdir("/proc/self/fd")), 0
    accepts = SourceFilter.accepts

    def count_descriptors(source_filter: SourceFilter, name: bytes) -> bool:
        nonlocal maximum
        maximum = max(maximum, len(os.listdir("/proc/self/fd")))
        return accepts(source_filter, name)

    monkeypatch.setattr(SourceFilter, "accepts", count_descriptors)
    scan(tree)
    assert maximum <= before + 40


def test_path_above_path_max_raises_archive_too_large(tree: Path, opened_paths: list[object]) -> None:
    nest(tree, 6000)
    opened_paths.clear()
    with pytest.raises(ArchiveTooLargeError, match="more than 4000 bytes"):
        scan(tree)
    assert len(opened_paths) < 6000


@pytest.mark.parametrize(
    ("last", "fits"),
    [("x" * 99, True), ("x" * 100, False), ("é" * 50, False)],
    ids=["fits", "ascii", "utf-8"],
)
def test_path_of_4000_bytes_is_longest_allowed(tree: Path, last: str, fits: bool) -> None:
    nest(tree, 1950)
    descriptor = os.open(tree, os.O_RDONLY)
    for _ in range(1950):
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("x" + last, os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    if fits:
        assert len(max(names(tree), key=len)) == 4000
    else:
        with pytest.raises(ArchiveTooLargeError):
            scan(tree)


def test_scan_of_large_directory_stops_at_max_entries(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3000):
        (tree / str(number)).touch()
    names: list[bytes] = []
    accepts = SourceFilter.accepts

    def record_name(source_filter: SourceFilter, name: bytes) -> bool:
        names.append(name)
        return accepts(source_filter, name)

    monkeypatch.setattr(SourceFilter, "accepts", record_name)
    with pytest.raises(ArchiveTooLargeError, match="more than 100 entries"):
        scan(tree, SourceFilter(max_entries=100))
    assert len(names) < 1000
