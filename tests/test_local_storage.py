"""The photos root: which hashes name something, and how its files are read."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unprivileged import unprivileged
from tornado_archiver.errors import (
    ArchiverError,
    SourceChangedError,
    SourceNotFoundError,
    SourceUnreadableError,
    StorageUnavailableError,
)
from tornado_archiver.local_storage import LocalReader, LocalStorage
from tornado_archiver.manifest import Entry, Manifest
from tornado_archiver.selection import Selection
from tornado_archiver.testing import Fault, faults, trees
from tornado_archiver.testing.footprint import nothing_left_open

HASH = "5ecre7hash"
FOLLOW = Selection(follow_symlinks=True)
KIB = 1024
# fcntl(2), Leases: keeps a file for itself until somebody else wants it
LEASE_HOLDER = """
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDWR)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
signal.sigwait([signal.SIGIO])
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The photos root with one source in it; beside it lies what must never be packed."""
    root = tmp_path / "photos"
    (root / HASH / "z").mkdir(parents=True)
    (root / HASH / "a.txt").write_bytes(b"first")
    # settled: what is written right after may get the time of the same tick of the clock
    trees.write(root / HASH / faults.VICTIM, os.urandom(300 * KIB))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_bytes(b"secret")
    return root


def manifest(photos: Path, name: str = HASH, selection: Selection | None = None) -> Manifest:
    return asyncio.run(LocalStorage(photos, selection or Selection()).manifest(name))


def names(photos: Path, name: str = HASH, selection: Selection | None = None) -> list[str]:
    return [entry.member_name for entry in manifest(photos, name, selection).entries]


def assert_tells_nothing(error: ArchiverError, photos: Path) -> None:
    """The log may be read by people who must not have the link."""
    text = str(error)
    assert text
    assert HASH not in text
    assert str(photos) not in text
    assert not any(word.startswith("/") for word in text.replace("'", " ").split())


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open() -> Iterator[None]:
    with nothing_left_open():
        yield


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


# Which hashes name something


def test_a_directory_is_found(photos: Path) -> None:
    assert names(photos) == ["a.txt", "z/", "z/victim.jpg"]
    assert names(photos, selection=FOLLOW) == ["a.txt", "z/", "z/victim.jpg"]


def test_a_name_that_is_not_ascii(photos: Path) -> None:
    (photos / HASH).rename(photos / "Фото 日本 🌪")
    assert names(photos, "Фото 日本 🌪") == ["a.txt", "z/", "z/victim.jpg"]


@pytest.mark.parametrize("selection", [Selection(), FOLLOW, Selection(include_hidden=True)])
@pytest.mark.parametrize(
    "name",
    [
        "unknown",
        "",
        ".",
        "..",
        "../outside",
        "/etc",
        f"{HASH}/z",
        f"{HASH}/..",
        f"{HASH}/",
        "a\0b",
        "n" * 255,
        "n" * 256,
        pytest.param("\udcff", id="a byte that is not UTF-8"),
        pytest.param("\ud800", id="no byte at all"),
    ],
)
def test_nothing_of_that_name(photos: Path, name: str, selection: Selection) -> None:
    with pytest.raises(SourceNotFoundError) as caught:
        manifest(photos, name, selection)
    assert_tells_nothing(caught.value, photos)


def _a_file(photos: Path) -> None:
    (photos / "it").write_bytes(b"")


def _a_pipe(photos: Path) -> None:
    os.mkfifo(photos / "it")


def _an_empty_directory(photos: Path) -> None:
    (photos / "it").mkdir()


def _only_hidden_files(photos: Path) -> None:
    (photos / "it/.git").mkdir(parents=True)
    (photos / "it/.env").write_bytes(b"")


def _only_litter(photos: Path) -> None:
    (photos / "it").mkdir()
    (photos / "it/Thumbs.db").write_bytes(b"")


def _only_links_that_lead_out(photos: Path) -> None:
    (photos / "it").mkdir()
    (photos / "it/link").symlink_to("../../outside/secret.txt")


def _a_link_out(photos: Path) -> None:
    (photos / "it").symlink_to("../outside")


def _an_absolute_link_out(photos: Path) -> None:
    (photos / "it").symlink_to(photos.parent / "outside")


def _a_link_to_the_root(photos: Path) -> None:
    (photos / "it").symlink_to(".")


def _a_link_to_a_file(photos: Path) -> None:
    (photos / "it").symlink_to(f"{HASH}/a.txt")


def _a_dangling_link(photos: Path) -> None:
    (photos / "it").symlink_to("nothing")


def _a_link_to_itself(photos: Path) -> None:
    (photos / "it").symlink_to("it")


def _a_long_chain_of_links(photos: Path) -> None:
    (photos / "it").symlink_to("0")
    for number in range(2000):
        (photos / str(number)).symlink_to(str(number + 1))
    (photos / "2000").symlink_to(HASH)


@pytest.mark.parametrize("selection", [Selection(), FOLLOW])
@pytest.mark.parametrize(
    "made",
    [
        _a_file,
        _a_pipe,
        _an_empty_directory,
        _only_hidden_files,
        _only_litter,
        _only_links_that_lead_out,
        _a_link_out,
        _an_absolute_link_out,
        _a_link_to_the_root,
        _a_link_to_a_file,
        _a_dangling_link,
        _a_link_to_itself,
        _a_long_chain_of_links,
    ],
)
def test_nothing_to_pack(photos: Path, made: Callable[[Path], None], selection: Selection) -> None:
    made(photos)
    with pytest.raises(SourceNotFoundError) as caught:
        manifest(photos, "it", selection)
    assert_tells_nothing(caught.value, photos)


@pytest.mark.parametrize("target", [HASH, f"./{HASH}", f"../photos/{HASH}", "other"])
def test_a_link_within_the_root_names_a_directory_where_links_are_followed(photos: Path, target: str) -> None:
    (photos / "other").symlink_to(photos / HASH)
    (photos / "link").symlink_to(target)
    assert names(photos, "link", FOLLOW) == ["a.txt", "z/", "z/victim.jpg"]
    with pytest.raises(SourceNotFoundError):
        manifest(photos, "link")


def test_the_photos_root_itself_may_be_a_link(photos: Path) -> None:
    photos.with_name("link").symlink_to("photos")
    assert names(photos.with_name("link")) == names(photos)
    assert names(photos.with_name("link"), selection=FOLLOW) == names(photos)


@pytest.mark.parametrize("selection", [Selection(), FOLLOW])
def test_the_photos_root_is_missing(photos: Path, selection: Selection) -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        manifest(photos / "missing", HASH, selection)
    assert_tells_nothing(caught.value, photos)


@pytest.mark.parametrize("selection", [Selection(), FOLLOW])
def test_the_photos_root_is_a_file(photos: Path, selection: Selection) -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        manifest(photos / HASH / "a.txt", HASH, selection)
    assert_tells_nothing(caught.value, photos)


def test_the_photos_root_is_mounted_late(photos: Path) -> None:
    storage = LocalStorage(photos.with_name("later"), Selection())
    with pytest.raises(StorageUnavailableError):
        asyncio.run(storage.manifest(HASH))
    photos.rename(photos.with_name("later"))
    assert asyncio.run(storage.manifest(HASH)).entries


# Reading


def entry_of(found: Manifest, name: str = faults.VICTIM) -> Entry:
    return next(entry for entry in found.entries if entry.member_name == name)


def local_reader(found: Manifest) -> LocalReader:
    reader = found.source.reader()
    assert isinstance(reader, LocalReader)
    return reader


@pytest.mark.parametrize("max_bytes", [1000, 4096, 64 * KIB, 300 * KIB - 1, 300 * KIB, 300 * KIB + 1, 2**20])
def test_blocks_are_the_whole_content(photos: Path, max_bytes: int) -> None:
    found = manifest(photos)
    with found.source.reader() as reader:
        blocks = [bytes(block) for block in reader.blocks(entry_of(found), max_bytes)]
    assert b"".join(blocks) == (photos / HASH / faults.VICTIM).read_bytes()
    assert all(1 <= len(block) <= max_bytes for block in blocks)


def test_one_reader_reads_many_files_with_blocks_of_any_size(photos: Path) -> None:
    (photos / HASH / "empty").touch()
    found = manifest(photos)
    with found.source.reader() as reader:
        for name, max_bytes in (("a.txt", 2), (faults.VICTIM, 2**20), ("empty", 1), ("a.txt", 3)):
            content = b"".join(map(bytes, reader.blocks(entry_of(found, name), max_bytes)))
            assert content == (photos / HASH / name).read_bytes()


def test_a_reader_holds_one_directory_and_one_file_at_most(photos: Path) -> None:
    for folder in range(50):
        (photos / HASH / str(folder)).mkdir()
        (photos / HASH / str(folder) / "file").write_bytes(b"x")
    found, before = manifest(photos), _descriptors()
    with found.source.reader() as reader:
        for entry in found.entries:
            if not entry.is_directory:
                for _ in reader.blocks(entry, KIB):
                    assert _descriptors() <= before + 4  # root, source, the file's directory, the file


@pytest.mark.parametrize("fault", faults.FAULTS)
def test_a_change_before_the_reading_is_told_before_a_byte(photos: Path, fault: Fault) -> None:
    found = manifest(photos)
    fault(photos / HASH, photos.parent / "outside")
    with found.source.reader() as reader:
        with pytest.raises(SourceChangedError) as caught:
            next(reader.blocks(entry_of(found), KIB))
        with pytest.raises(SourceChangedError):
            reader.verify(found.entries)
    assert_tells_nothing(caught.value, photos)
    assert faults.VICTIM in str(caught.value)


@pytest.mark.parametrize("fault", [faults.shrunk, faults.grown, faults.rewritten])
def test_a_change_under_way_is_told_in_place_of_the_end(photos: Path, fault: Fault) -> None:
    found = manifest(photos)
    with found.source.reader() as reader:
        blocks = reader.blocks(entry_of(found), KIB)
        next(blocks)
        fault(photos / HASH, photos.parent / "outside")
        with pytest.raises(SourceChangedError) as caught:
            list(blocks)
    assert_tells_nothing(caught.value, photos)


def test_no_more_than_the_promised_bytes_of_a_file_that_grows(photos: Path) -> None:
    found = manifest(photos)
    got: list[int] = []
    with found.source.reader() as reader:
        blocks = reader.blocks(entry_of(found), 1000)
        got.append(len(next(blocks)))
        faults.grown(photos / HASH, photos.parent)
        with pytest.raises(SourceChangedError):
            got.extend(map(len, blocks))
    assert sum(got) == entry_of(found).size


def test_a_source_that_is_gone(photos: Path) -> None:
    found = manifest(photos)
    (photos / HASH).rename(photos / "moved")
    with pytest.raises(SourceChangedError) as caught, found.source.reader():
        pytest.fail("there is nothing to read")
    assert_tells_nothing(caught.value, photos)


def test_a_photos_root_that_is_gone(photos: Path) -> None:
    found = manifest(photos)
    photos.rename(photos.with_name("moved"))
    with pytest.raises(StorageUnavailableError) as caught, found.source.reader():
        pytest.fail("there is nothing to read")
    assert_tells_nothing(caught.value, photos)


def test_a_link_put_in_place_of_the_source_is_not_followed(photos: Path) -> None:
    found = manifest(photos, selection=FOLLOW)
    (photos / HASH).rename(photos.parent / "moved")
    (photos / HASH).symlink_to("../moved")
    with pytest.raises(SourceChangedError), found.source.reader():
        pytest.fail("it leads out of the photos root")


@pytest.mark.parametrize("locked", [faults.VICTIM, "z"])
def test_a_file_that_may_not_be_read(photos: Path, locked: str) -> None:
    found = manifest(photos)
    (photos / HASH / locked).chmod(0)
    with found.source.reader() as reader, unprivileged(), pytest.raises(SourceUnreadableError) as caught:
        list(reader.blocks(entry_of(found), KIB))
    (photos / HASH / locked).chmod(0o755)
    assert_tells_nothing(caught.value, photos)
    assert faults.VICTIM in str(caught.value)


def content_in_blocks(reader: LocalReader, entry: Entry) -> bytes:
    return b"".join(map(bytes, reader.blocks(entry, KIB)))


@pytest.mark.parametrize("read", [content_in_blocks, LocalReader.whole])
def test_a_file_that_somebody_holds_a_lease_of_is_waited_for(
    photos: Path, read: Callable[[LocalReader, Entry], bytes]
) -> None:
    found, file = manifest(photos), photos / HASH / "a.txt"
    command = [sys.executable, "-c", LEASE_HOLDER, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder, local_reader(found) as reader:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            assert read(reader, entry_of(found, "a.txt")) == b"first"
            assert holder.wait(timeout=60) == 0, "it was asked to let go"
        finally:
            holder.kill()


def test_a_reader_that_is_left_in_the_middle(photos: Path) -> None:
    """The descriptors are counted when this test has ended."""
    found = manifest(photos)
    with found.source.reader() as reader:
        blocks = reader.blocks(entry_of(found), KIB)
        next(blocks)
        before = _descriptors()
        blocks.close()  # type: ignore[attr-defined]
        assert _descriptors() == before - 1


def test_an_unchanged_source_is_verified(photos: Path) -> None:
    (photos / HASH / "void").mkdir()
    found = manifest(photos)
    with found.source.reader() as reader:
        reader.verify(found.entries)
        (photos / HASH / "void/new").touch()  # moves the directory's time, and nothing that is packed
        reader.verify(found.entries)


def test_a_file_that_is_opened_is_the_callers(photos: Path) -> None:
    found = manifest(photos)
    with local_reader(found) as reader:
        descriptor = reader.open(entry_of(found, "a.txt"))
    try:
        assert os.read(descriptor, 100) == b"first"
    finally:
        os.close(descriptor)


# Dates


def test_what_a_link_leads_to_has_no_date(photos: Path) -> None:
    """The link may lead elsewhere tomorrow, and nothing that is packed has changed then."""
    assert manifest(photos, selection=FOLLOW).is_dated
    (photos / "current").symlink_to(HASH)
    assert not manifest(photos, "current", selection=FOLLOW).is_dated
    (photos / HASH / "link.txt").symlink_to("a.txt")
    assert not manifest(photos, selection=FOLLOW).is_dated
    assert manifest(photos).is_dated, "where links are left out, all that is packed has one"
