"""Unreadable files before the response headers: an error, or an archive without them."""

import asyncio
import errno
import logging
import os
from pathlib import Path

import pytest

from tests.helpers.unprivileged_storage import (
    HASH,
    HEADLINE,
    UnprivilegedStorage,
    manifest,
    names,
    report_of,
    text_of,
)
from tornado_archiver.errors import BackendError, SourceUnreadableError, StorageUnavailableError
from tornado_archiver.source import Entry
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.access import GIVE_RIGHTS
from tornado_archiver.sources.local.openat import to_source_error
from tornado_archiver.sources.local.storage import LocalReader, fail_if_unreadable
from tornado_archiver.sources.local.unreadable import REPORT_NAME
from tornado_archiver.testing import trees

FOLLOW = SourceFilter(follow_symlinks=True)


# Left out and listed


def test_manifest_of_readable_files_is_that_of_the_other_policy(album: Path) -> None:
    assert manifest(album).is_same(manifest(album, fail_if_unreadable))


def test_unreadable_file_is_left_out_and_listed(album: Path) -> None:
    (album / "a/2.jpg").chmod(0)
    found = manifest(album)
    assert names(found) == ["1.jpg", REPORT_NAME, "a/", "b/", "b/3.jpg", "z.txt"]
    assert text_of(found) == f"{HEADLINE}a/2.jpg\n"
    assert report_of(found).mode == 0o644


@pytest.mark.parametrize("mode", [0, 0o444, 0o311])
def test_unreadable_directory_is_left_out_with_its_content(album: Path, mode: int) -> None:
    (album / "b").chmod(mode)
    found = manifest(album)
    (album / "b").chmod(0o755)
    assert names(found) == ["1.jpg", REPORT_NAME, "a/", "a/2.jpg", "z.txt"]
    assert text_of(found) == f"{HEADLINE}b/\n"


def test_report_lists_member_names_in_order(album: Path) -> None:
    (album / "b").chmod(0)
    for name in ("a:b.jpg", "two\nlines.txt", "z.txt"):
        (album / name).touch(0)
        (album / name).chmod(0)
    found = manifest(album)
    (album / "b").chmod(0o755)
    assert text_of(found) == f"{HEADLINE}a\uff1ab.jpg\nb/\ntwo\u240alines.txt\nz.txt\n"


def test_symlink_with_an_unreadable_target_is_left_out_and_listed(album: Path, photos: Path) -> None:
    """A link that leads out of the album is left out without being listed."""
    for hidden in (album / ".hidden", photos / "other"):
        hidden.mkdir(0o700)
        (hidden / "file").touch()
    (album / "inside.txt").symlink_to(".hidden/file")
    (album / "outside.txt").symlink_to(photos / "other/file")
    found = asyncio.run(UnprivilegedStorage(photos, FOLLOW).scan(album.name))
    assert text_of(found) == f"{HEADLINE}inside.txt\n"
    with pytest.raises(SourceUnreadableError, match=r"inside\.txt"):
        asyncio.run(UnprivilegedStorage(photos, FOLLOW, fail_if_unreadable).scan(album.name))


def test_file_with_an_io_error_is_left_out(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = LocalReader.open_fd

    def broken(reader: LocalReader, entry: Entry) -> int:
        if entry.member_name == "z.txt":
            raise to_source_error(entry.member_name, OSError(errno.EIO, "Input/output error"))
        return opened(reader, entry)

    monkeypatch.setattr(LocalReader, "open_fd", broken)
    assert text_of(manifest(album)) == f"{HEADLINE}z.txt\n"


def test_manifest_without_free_descriptors_raises(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_descriptors(_: LocalReader, entry: Entry) -> int:
        raise to_source_error(entry.member_name, OSError(errno.EMFILE, "Too many open files"))

    monkeypatch.setattr(LocalReader, "open_fd", out_of_descriptors)
    with pytest.raises(BackendError):
        manifest(album)


@pytest.mark.parametrize("kept", [(), ("empty",)])
def test_manifest_without_any_readable_file_raises(photos: Path, kept: tuple[str, ...]) -> None:
    trees.write(photos / HASH / "1.jpg", b"one", mode=0)
    for name in kept:
        (photos / HASH / name).mkdir()
    with pytest.raises(SourceUnreadableError, match=r"no file can be read: '1\.jpg'") as caught:
        manifest(photos / HASH)
    assert caught.value.retry_after_s is None


def test_manifest_of_an_unreadable_source_raises(album: Path) -> None:
    album.chmod(0o311)
    with pytest.raises(StorageUnavailableError):
        manifest(album)
    album.chmod(0o755)


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        ("UNREADABLE.txt", "UNREADABLE (2).txt"),
        ("unreadable.TXT", "UNREADABLE (2).txt"),
        ("a/UNREADABLE.txt", "UNREADABLE.txt"),
    ],
)
def test_report_name_that_is_taken_is_numbered(album: Path, taken: str, name: str) -> None:
    trees.write(album / taken, b"a photo, really")
    (album / "z.txt").chmod(0)
    found = manifest(album)
    assert {name, taken} <= set(names(found))
    assert len(set(names(found))) == len(names(found))


def test_report_name_that_a_directory_has_is_numbered(album: Path) -> None:
    trees.write(album / REPORT_NAME / "x", b"x")
    (album / "z.txt").chmod(0)
    assert "UNREADABLE (2).txt" in names(manifest(album))


def test_log_names_unreadable_files_once_and_not_the_whole_hash(
    album: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(9):
        trees.write(album / f"x{number}", b"x", mode=0)
    with caplog.at_level(logging.INFO):
        manifest(album)
    # not asyncio's, which in development mode complains of a machine that has no time for its loop
    (record,) = (record for record in caplog.records if record.name.startswith("tornado_archiver"))
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "'5ecre7…': skipped (unreadable): 'x0', 'x1', 'x2', 'x3', 'x4' and 4 more;"
        f" 'x0' cannot be read: Permission denied for user {os.geteuid()}; {GIVE_RIGHTS}"
    )


# Without a report


def test_unreadable_file_without_a_report_raises(album: Path) -> None:
    (album / "a/2.jpg").chmod(0o600 if os.geteuid() == 0 else 0)
    with pytest.raises(SourceUnreadableError, match=r"'a/2\.jpg' cannot be read: Permission denied"):
        manifest(album, fail_if_unreadable)


def test_unreadable_directory_without_a_report_raises(album: Path) -> None:
    (album / "b").chmod(0)
    with pytest.raises(SourceUnreadableError, match="'b/' cannot be read: Permission denied") as caught:
        manifest(album, fail_if_unreadable)
    assert caught.value.retry_after_s is None
    (album / "b").chmod(0o755)


def test_world_readable_files_are_not_opened(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening the usual thousands of files would double the time to the first byte."""
    tried: list[str] = []
    opened = LocalReader.open_fd

    def noted(reader: LocalReader, entry: Entry) -> int:
        tried.append(entry.member_name)
        return opened(reader, entry)

    monkeypatch.setattr(LocalReader, "open_fd", noted)
    (album / "z.txt").chmod(0o640)
    manifest(album, fail_if_unreadable)
    assert tried == ["z.txt"]
