"""Files and directories that are removed after their parent was listed, and before they are opened."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.unprivileged_storage import HEADLINE, album_in, manifest, public_photos, text_of
from tests.helpers.unprivileged_storage import names as names_of
from tests.sources.local.walk.tree import files, names
from tornado_archiver.errors import SourceNotFoundError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage, UnreadablePolicy, fail_if_unreadable
from tornado_archiver.sources.local.unreadable import skip_unreadable
from tornado_archiver.testing.probes import nothing_left_open

Before = Callable[[bytes, Callable[[], object]], None]


@pytest.fixture(name="before_open")
def call_before_open(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Return `before_open(name, act)`, which calls `act` once before a file `name` is opened."""
    actions: dict[object, Callable[[], object]] = {}
    real = os.open

    def open_after(path: object, *args: object, **options: object) -> int:
        if path in actions:
            actions.pop(path)()
        return real(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_after)
    return actions.__setitem__


def removed(path: Path) -> None:
    shutil.rmtree(path)


def replaced_by_link(path: Path) -> None:
    shutil.rmtree(path)
    path.symlink_to("../outside")


def replaced_by_file(path: Path) -> None:
    shutil.rmtree(path)
    path.touch()


def moved_out(path: Path) -> None:
    path.rename(path.parents[2] / "outside/moved")


@pytest.mark.parametrize("fault", [removed, replaced_by_link, replaced_by_file, moved_out])
def test_directory_removed_during_scan_is_omitted(
    root: Path, before_open: Before, fault: Callable[[Path], None]
) -> None:
    files(root, "a/1.jpg", "a/doomed/deep/2.jpg", "a/z/3.jpg")
    before_open(b"doomed", lambda: fault(root / "a/doomed"))
    with nothing_left_open():
        assert names(root) == ["a/", "a/1.jpg", "a/z/", "a/z/3.jpg"]


@pytest.mark.parametrize("policy", [fail_if_unreadable, skip_unreadable])
def test_source_removed_during_scan_is_not_found(
    root: Path, before_open: Before, policy: UnreadablePolicy
) -> None:
    files(root, "1.jpg")
    before_open(b".", lambda: shutil.rmtree(root))
    with pytest.raises(SourceNotFoundError):
        asyncio.run(LocalStorage(root.parent, SourceFilter(), policy).scan(root.name))


@pytest.mark.parametrize("policy", [fail_if_unreadable, skip_unreadable])
@pytest.mark.parametrize("fault", [os.remove, lambda path: (path.unlink(), path.mkdir())])
def test_private_file_removed_during_scan_is_omitted(
    root: Path, before_open: Before, policy: UnreadablePolicy, fault: Callable[[Path], None]
) -> None:
    files(root, "1.jpg", "2.jpg")
    (root / "2.jpg").chmod(0o600)
    before_open(b"2.jpg", lambda: fault(root / "2.jpg"))
    found = asyncio.run(LocalStorage(root.parent, SourceFilter(), policy).scan(root.name))
    assert [entry.member_name for entry in found.entries] == ["1.jpg"]


def test_source_with_all_files_removed_is_not_found(root: Path, before_open: Before) -> None:
    files(root, "1.jpg")
    (root / "1.jpg").chmod(0o600)
    before_open(b"1.jpg", lambda: (root / "1.jpg").unlink())
    with pytest.raises(SourceNotFoundError):
        asyncio.run(LocalStorage(root.parent, SourceFilter()).scan(root.name))


def test_directory_removed_during_scan_is_not_reported_as_unreadable(before_open: Before) -> None:
    with public_photos() as photos:
        album = album_in(photos)
        (album / "z.txt").chmod(0)
        for directory in (album, album / "a"):
            directory.chmod(0o777)  # because `manifest` runs unprivileged, and so does the action
        before_open(b"a", lambda: shutil.rmtree(album / "a"))
        found = manifest(album)
        assert text_of(found) == f"{HEADLINE}z.txt\n"
        assert not {"a/", "a/2.jpg", "z.txt"} & set(names_of(found))
