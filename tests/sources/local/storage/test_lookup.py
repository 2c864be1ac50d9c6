"""Which hashes name something to pack, and which of it has a date."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.local.storage.photos_root import FOLLOW, HASH, assert_tells_nothing, manifest, names
from tornado_archiver.errors import SourceNotFoundError, StorageUnavailableError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage


def test_a_directory_is_found(photos: Path) -> None:
    assert names(photos) == ["a.txt", "z/", "z/victim.jpg"]
    assert names(photos, selection=FOLLOW) == ["a.txt", "z/", "z/victim.jpg"]


def test_a_name_that_is_not_ascii(photos: Path) -> None:
    (photos / HASH).rename(photos / "Фото 日本 🌪")
    assert names(photos, "Фото 日本 🌪") == ["a.txt", "z/", "z/victim.jpg"]


@pytest.mark.parametrize("selection", [SourceFilter(), FOLLOW, SourceFilter(include_hidden=True)])
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
def test_nothing_of_that_name(photos: Path, name: str, selection: SourceFilter) -> None:
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


@pytest.mark.parametrize("selection", [SourceFilter(), FOLLOW])
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
def test_nothing_to_pack(photos: Path, made: Callable[[Path], None], selection: SourceFilter) -> None:
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


@pytest.mark.parametrize("selection", [SourceFilter(), FOLLOW])
def test_the_photos_root_is_missing(photos: Path, selection: SourceFilter) -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        manifest(photos / "missing", HASH, selection)
    assert_tells_nothing(caught.value, photos)


@pytest.mark.parametrize("selection", [SourceFilter(), FOLLOW])
def test_the_photos_root_is_a_file(photos: Path, selection: SourceFilter) -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        manifest(photos / HASH / "a.txt", HASH, selection)
    assert_tells_nothing(caught.value, photos)


def test_the_photos_root_is_mounted_late(photos: Path) -> None:
    storage = LocalStorage(photos.with_name("later"), SourceFilter())
    with pytest.raises(StorageUnavailableError):
        asyncio.run(storage.scan(HASH))
    photos.rename(photos.with_name("later"))
    assert asyncio.run(storage.scan(HASH)).entries


# Dates


def test_what_a_link_leads_to_has_no_date(photos: Path) -> None:
    """The link may lead elsewhere tomorrow, and nothing that is packed has changed then."""
    assert manifest(photos, selection=FOLLOW).has_last_modified
    (photos / "current").symlink_to(HASH)
    assert not manifest(photos, "current", selection=FOLLOW).has_last_modified
    (photos / HASH / "link.txt").symlink_to("a.txt")
    assert not manifest(photos, selection=FOLLOW).has_last_modified
    assert manifest(photos).has_last_modified, "where links are left out, all that is packed has one"
