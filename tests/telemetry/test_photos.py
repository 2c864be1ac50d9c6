"""State of the photos directory: its problem, the remedy, and the demo album."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from tests.helpers.unprivileged import unprivileged
from tornado_archiver.settings.options import DEMO_PHOTOS, Settings
from tornado_archiver.telemetry import photos
from tornado_archiver.telemetry.photos import DEMO_ALBUM, PhotosProbe, PhotosState, has_demo, photos_problem


def state(photos_dir: Path) -> PhotosState:
    return asyncio.run(PhotosProbe(photos_dir).state())


def test_readable_directory_has_no_problem(tmp_path: Path) -> None:
    assert state(tmp_path) == PhotosState()
    assert photos_problem(Settings(photos_dir=tmp_path)) == ""


def test_missing_directory_is_a_problem_with_a_remedy_and_without_a_path(tmp_path: Path) -> None:
    found = state(tmp_path / "away")
    assert found.problem == "No such file or directory"
    assert "photos-dir (PHOTOS_DIR)" in found.remedy
    assert str(tmp_path) not in found.problem + found.remedy


def test_missing_permission_is_a_problem_with_a_remedy_and_without_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = photos._state

    def check_unprivileged(photos_dir: Path) -> PhotosState:
        with unprivileged():  # of the thread that checks
            return check(photos_dir)

    monkeypatch.setattr(photos, "_state", check_unprivileged)
    tmp_path.chmod(0)
    found = state(tmp_path)
    tmp_path.chmod(0o755)
    assert found.problem == "Permission denied"
    assert "chmod -R o+rX" in found.remedy
    assert str(tmp_path) not in found.problem + found.remedy


def test_missing_permission_names_user_setting_and_remedy_for_the_operator(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    with unprivileged():
        line = photos_problem(Settings(photos_dir=tmp_path))
    tmp_path.chmod(0o755)
    assert line.startswith(
        f"photos directory '{tmp_path}' (default): cannot be read by user {os.geteuid()}: "
    )
    assert (
        "Permission denied; every link returns 503 until it can be read; give it read permission (chmod"
        in line
    )


def test_disk_that_hangs_is_a_problem_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(photos, "_state", lambda _: gate.wait() and PhotosState())
    monkeypatch.setattr(photos, "_TIMEOUT_S", 0.1)
    assert state(tmp_path).problem == "the disk does not respond within 0.1 s"
    gate.set()


# Demo album


def test_bundled_album_exists_and_is_the_only_one() -> None:
    assert os.listdir(DEMO_PHOTOS) == [DEMO_ALBUM]


def test_bundled_directory_has_the_demo_album() -> None:
    assert state(DEMO_PHOTOS).has_demo


def test_copy_and_link_of_the_bundled_directory_have_the_demo_album(tmp_path: Path) -> None:
    """As with PHOTOS_DIR=./demo/photos, and as in the container, where the copy is mounted."""
    shutil.copytree(DEMO_PHOTOS, tmp_path / "copy")
    (tmp_path / "link").symlink_to(DEMO_PHOTOS)
    assert has_demo(tmp_path / "copy")
    assert has_demo(tmp_path / "link")


@pytest.mark.parametrize("change", ["removed", "changed", "other album"])
def test_other_photos_have_no_demo_album(tmp_path: Path, change: str) -> None:
    shutil.copytree(DEMO_PHOTOS, tmp_path / "copy")
    album = tmp_path / "copy" / DEMO_ALBUM
    first = min(path for path in album.iterdir() if path.is_file())
    if change == "removed":
        first.unlink()
    elif change == "changed":
        first.write_bytes(b"a real photo")
    else:
        album.rename(tmp_path / "copy" / "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60")
    assert not has_demo(tmp_path / "copy")
