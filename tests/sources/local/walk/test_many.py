"""Trees that are deep, wide or full of links: the work grows with what is in them, and ends at the limits."""

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.sources.local.walk.tree import FOLLOW, names, walked
from tornado_archiver.errors import ArchiveTooLargeError
from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalReader, LocalSource

DEPTH = 500
_FEW = 20


def nest(root: Path, depth: int, fill: Callable[[int], object] = lambda descriptor: None) -> None:
    """So many directories, one in the other; `fill` gets a descriptor of each."""
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
    subprocess.run(["rm", "-rf", root], check=True)  # pytest's own way recurses


@pytest.fixture(name="opens")
def counted_opens(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What has been opened since."""
    opened: list[object] = []
    real = os.open

    def open_and_count(path: object, *args: object, **options: object) -> int:
        opened.append(path)
        return real(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_and_count)
    return opened


def two_files(descriptor: int) -> None:
    """One before the directory beside them in the order of packing, and one behind it."""
    for name in ("a", "z"):
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))


def test_scan_of_nested_directories_opens_each_once(tree: Path, opens: list[object]) -> None:
    nest(tree, DEPTH)
    opens.clear()
    assert len(walked(tree)) == DEPTH
    assert len(opens) <= DEPTH + _FEW


def two_directories(descriptor: int) -> None:
    for name in ("b", "e"):
        os.mkdir(name, dir_fd=descriptor)


def test_scan_of_directories_on_the_way_back_up_opens_few(tree: Path, opens: list[object]) -> None:
    nest(tree, DEPTH, two_directories)
    opens.clear()
    assert len(walked(tree)) == 3 * DEPTH
    assert len(opens) < 12 * DEPTH


def read_all(reader: LocalReader, entries: Iterable[Entry]) -> None:
    for entry in entries:
        if not entry.is_directory:
            reader.read_all(entry)


@pytest.mark.parametrize("read", [read_all, LocalReader.verify])
def test_reading_of_nested_directories_opens_few(
    tree: Path, opens: list[object], read: Callable[[LocalReader, Iterable[Entry]], None]
) -> None:
    nest(tree, DEPTH, two_files)
    entries = walked(tree)
    opens.clear()
    with LocalReader(LocalSource(os.fsencode(tree.parent), os.fsencode(tree.name))) as reader:
        read(reader, entries)
    assert len(opens) < 12 * DEPTH


def test_scan_of_many_links_to_one_deep_file_opens_few(tree: Path, opens: list[object]) -> None:
    nest(tree, DEPTH, two_files)
    links = 1000
    for number in range(links):
        (tree / f"link{number}").symlink_to("d/" * DEPTH + "a")
    opens.clear()
    assert len(walked(tree, FOLLOW)) == 3 * DEPTH + links
    assert len(opens) < 2 * links + 12 * DEPTH


def test_scan_keeps_few_directories_open(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nest(tree, DEPTH)
    before, most = len(os.listdir("/proc/self/fd")), 0
    wants = SourceFilter.accepts

    def look(selection: SourceFilter, name: bytes) -> bool:
        nonlocal most
        most = max(most, len(os.listdir("/proc/self/fd")))
        return wants(selection, name)

    monkeypatch.setattr(SourceFilter, "accepts", look)
    walked(tree)
    assert most <= before + 40


def test_path_longer_than_programs_unpack_is_refused(tree: Path, opens: list[object]) -> None:
    nest(tree, 6000)
    opens.clear()
    with pytest.raises(ArchiveTooLargeError, match="more than 4000 bytes"):
        walked(tree)
    assert len(opens) < 6000


@pytest.mark.parametrize(
    ("last", "fits"),
    [("x" * 99, True), ("x" * 100, False), ("é" * 50, False)],
    ids=["fits", "ascii", "utf-8"],
)
def test_path_of_4000_bytes_is_the_longest(tree: Path, last: str, fits: bool) -> None:
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
            walked(tree)


def test_scan_of_a_large_directory_stops_at_max_entries(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3000):
        (tree / str(number)).touch()
    seen: list[bytes] = []
    wants = SourceFilter.accepts

    def look(selection: SourceFilter, name: bytes) -> bool:
        seen.append(name)
        return wants(selection, name)

    monkeypatch.setattr(SourceFilter, "accepts", look)
    with pytest.raises(ArchiveTooLargeError, match="more than 100 entries"):
        walked(tree, SourceFilter(max_entries=100))
    assert len(seen) < 1000
