"""Lookup of a hash: which hashes name a source, and which manifests have a last modification time."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.local.storage.photos_root import FOLLOW, HASH, assert_reveals_no_path, names, scan
from tornado_archiver.errors import SourceNotFoundError, StorageUnavailableError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage


def test_lookup_of_directory_succeeds(photos: Path) -> None:
    assert names(photos) == ["a.txt", "z/", "z/victim.jpg"]
    assert names(photos, source_filter=FOLLOW) == ["a.txt", "z/", "z/victim.jpg"]


def test_lookup_of_non_ascii_name_succeeds(photos: Path) -> None:
    (photos / HASH).rename(photos / "Фото 日本 🌪")
    assert names(photos, "Фото 日本 🌪") == ["a.txt", "z/", "z/victim.jpg"]


@pytest.mark.parametrize("source_filter", [SourceFilter(), FOLLOW, SourceFilter(include_hidden=True)])
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
        pytest.param("\ud800", id="a surrogate without a byte"),
    ],
)
def test_lookup_of_unknown_or_invalid_name_is_not_found(
    photos: Path, name: str, source_filter: SourceFilter
) -> None:
    with pytest.raises(SourceNotFoundError) as caught:
        scan(photos, name, source_filter)
    assert_reveals_no_path(caught.value, photos)


def _file(photos: Path) -> None:
    (photos / "it").write_bytes(b"")


def _pipe(photos: Path) -> None:
    os.mkfifo(photos / "it")


def _empty_directory(photos: Path) -> None:
    (photos / "it").mkdir()


def _only_hidden_files(photos: Path) -> None:
    (photos / "it/.git").mkdir(parents=True)
    (photos / "it/.env").write_bytes(b"")


def _only_junk(photos: Path) -> None:
    (photos / "it").mkdir()
    (photos / "it/Thumbs.db").write_bytes(b"")


def _only_links_to_outside(photos: Path) -> None:
    (photos / "it").mkdir()
    (photos / "it/link").symlink_to("../../outside/secret.txt")


def _link_to_outside(photos: Path) -> None:
    (photos / "it").symlink_to("../outside")


def _absolute_link_to_outside(photos: Path) -> None:
    (photos / "it").symlink_to(photos.parent / "outside")


def _link_to_the_root(photos: Path) -> None:
    (photos / "it").symlink_to(".")


def _link_to_a_file(photos: Path) -> None:
    (photos / "it").symlink_to(f"{HASH}/a.txt")


def _dangling_link(photos: Path) -> None:
    (photos / "it").symlink_to("nothing")


def _link_to_itself(photos: Path) -> None:
    (photos / "it").symlink_to("it")


def _long_chain_of_links(photos: Path) -> None:
    (photos / "it").symlink_to("0")
    for number in range(2000):
        (photos / str(number)).symlink_to(str(number + 1))
    (photos / "2000").symlink_to(HASH)


@pytest.mark.parametrize("source_filter", [SourceFilter(), FOLLOW])
@pytest.mark.parametrize(
    "create",
    [
        _file,
        _pipe,
        _empty_directory,
        _only_hidden_files,
        _only_junk,
        _only_links_to_outside,
        _link_to_outside,
        _absolute_link_to_outside,
        _link_to_the_root,
        _link_to_a_file,
        _dangling_link,
        _link_to_itself,
        _long_chain_of_links,
    ],
)
def test_lookup_of_unservable_path_is_not_found(
    photos: Path, create: Callable[[Path], None], source_filter: SourceFilter
) -> None:
    create(photos)
    with pytest.raises(SourceNotFoundError) as caught:
        scan(photos, "it", source_filter)
    assert_reveals_no_path(caught.value, photos)


@pytest.mark.parametrize("target", [HASH, f"./{HASH}", f"../photos/{HASH}", "other"])
def test_lookup_of_link_within_root_succeeds_if_links_are_followed(photos: Path, target: str) -> None:
    (photos / "other").symlink_to(photos / HASH)
    (photos / "link").symlink_to(target)
    assert names(photos, "link", FOLLOW) == ["a.txt", "z/", "z/victim.jpg"]
    with pytest.raises(SourceNotFoundError):
        scan(photos, "link")


def test_photos_root_that_is_a_link_is_followed(photos: Path) -> None:
    photos.with_name("link").symlink_to("photos")
    assert names(photos.with_name("link")) == names(photos)
    assert names(photos.with_name("link"), source_filter=FOLLOW) == names(photos)


@pytest.mark.parametrize("source_filter", [SourceFilter(), FOLLOW])
def test_missing_photos_root_raises_storage_unavailable(photos: Path, source_filter: SourceFilter) -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        scan(photos / "missing", HASH, source_filter)
    assert_reveals_no_path(caught.value, photos)


@pytest.mark.parametrize("source_filter", [SourceFilter(), FOLLOW])
def test_photos_root_that_is_a_file_raises_storage_unavailable(
    photos: Path, source_filter: SourceFilter
) -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        scan(photos / HASH / "a.txt", HASH, source_filter)
    assert_reveals_no_path(caught.value, photos)


def test_photos_root_mounted_after_start_is_used(photos: Path) -> None:
    storage = LocalStorage(photos.with_name("later"), SourceFilter())
    with pytest.raises(StorageUnavailableError):
        asyncio.run(storage.scan(HASH))
    photos.rename(photos.with_name("later"))
    assert asyncio.run(storage.scan(HASH)).entries


# Last modification times


def test_manifest_of_link_target_has_no_last_modified(photos: Path) -> None:
    """The link can point to another directory later, and no packed file changes then."""
    assert scan(photos, source_filter=FOLLOW).has_last_modified
    (photos / "current").symlink_to(HASH)
    assert not scan(photos, "current", source_filter=FOLLOW).has_last_modified
    (photos / HASH / "link.txt").symlink_to("a.txt")
    assert not scan(photos, source_filter=FOLLOW).has_last_modified
    assert scan(photos).has_last_modified, "without followed links, the manifest has one"
