"""A writer of an album cannot make the zip program pack files outside of it."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.helpers.raw_clients import BROKEN_OFF, linked_noise, stalled_curl, zips_of
from tests.helpers.servers import (
    PROJECT,
    Server,
    contents,
    contents_of_zip,
    eventually,
    fetch,
    missing,
    running_server,
    tool,
)
from tests.helpers.unprivileged import unprivileged_command
from tornado_archiver.runtime import landlock
from tornado_archiver.testing import faults, trees

# Uncompressed, so that the tests can find a content in the archive
STORED = ("--backend", "zip", "--compression-level", "0")
WITHOUT_LANDLOCK = (sys.executable, f"{PROJECT}/tests/helpers/without_landlock.py")
UNCONFINED = "the zip program is not sandboxed"


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than all buffers hold, so that zip has not read the next files while the client waits."""
    tool("zip")
    if not landlock.abi_version():
        missing("this kernel has no Landlock")
    return linked_noise(tmp_path_factory.mktemp("noise") / "album", files=64, size=1024 * 1024)


@pytest.fixture
def album(photos: Path, noise: Path) -> Path:
    album = surrounded(noise, photos)
    trees.write(album / faults.TARGET, trees.noise(100_000))
    return album


def surrounded(noise: Path, photos: Path) -> Path:
    """An album with much before and behind what will lie in its folder `z`. Behind it, because a cut takes
    what is on its way to the client with it."""
    album = photos / uuid.uuid4().hex
    shutil.copytree(noise, album, copy_function=os.link)
    shutil.copytree(noise, album / "zz", copy_function=os.link)
    return album


@pytest.fixture(scope="module")
def server(photos: Path) -> Iterator[Server]:
    with running_server(photos, *STORED, "--formats", "tar") as server:
        yield server
        assert UNCONFINED not in server.log()


def link(album: Path) -> str:
    return f"/archive/{album.name}/"


def got_after(server: Server, album: Path, change: Callable[[], object]) -> bytes:
    """Return the body of a download during this change; assert that it is aborted."""
    with stalled_curl(server, link(album)) as client:
        assert zips_of(server), "it is being packed"
        change()
        got, _ = client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
    assert len(got) > 1024 * 1024
    return got


# A link in place of a directory


def test_zip_does_not_read_a_same_named_file_outside(server: Server, album: Path, tmp_path: Path) -> None:
    """Of the same names, sizes and times."""
    got = got_after(server, album, lambda: faults.folder_replaced_by_link(album, tmp_path / "outside"))
    assert faults.SECRET not in got


def test_zip_without_landlock_reads_it_and_the_archive_is_aborted(
    photos: Path, album: Path, tmp_path: Path
) -> None:
    """The ruleset prevents this; the log has a warning that there is none."""
    with running_server(photos, *STORED, launcher=WITHOUT_LANDLOCK) as server:
        got = got_after(server, album, lambda: faults.folder_replaced_by_link(album, tmp_path / "outside"))
        assert faults.SECRET in got
        assert server.log().count(UNCONFINED) == 1


@pytest.mark.parametrize("is_confined", [True, False])
def test_same_named_file_removed_in_time_is_read_only_without_landlock(
    photos: Path, noise: Path, tmp_path: Path, is_confined: bool
) -> None:
    """The directory is back, unmodified, before the comparison, so that only the ruleset detects it."""
    album = photos / uuid.uuid4().hex
    for folder in (album / "z", album / "zz"):
        shutil.copytree(noise, folder, copy_function=os.link)
    trees.write(album / faults.TARGET, trees.noise(100_000))
    shutil.copytree(album / "z", tmp_path / "twin", copy_function=os.link)
    (tmp_path / "twin/victim.jpg").unlink()
    trees.write(tmp_path / "twin/victim.jpg", faults.SECRET + bytes(100_000 - len(faults.SECRET)))
    launcher = () if is_confined else WITHOUT_LANDLOCK
    with running_server(photos, *STORED, launcher=launcher) as server:
        got, status = got_with_twin(server, album, tmp_path)
    assert (faults.SECRET in got) == (not is_confined)
    assert (status in BROKEN_OFF) == is_confined


def got_with_twin(server: Server, album: Path, elsewhere: Path) -> tuple[bytes, int]:
    with stalled_curl(server, link(album)) as client:
        assert client.stdout is not None
        (program,) = zips_of(server)
        assert eventually(lambda: is_at_rest(program), timeout_s=30)  # or it would miss the folder meanwhile
        (album / "z").rename(elsewhere / "kept")
        (album / "z").symlink_to(elsewhere / "twin")
        got = client.stdout.read(96 * 1024 * 1024)  # or all that comes; the program has passed the folder
        (album / "z").unlink()
        (elsewhere / "kept").rename(album / "z")
        return got + client.stdout.read(), client.wait(timeout=60)


def is_at_rest(program: psutil.Process) -> bool:
    """Whether all buffers on the way are full: it opens no file until the client reads."""
    before = program.io_counters().read_chars
    time.sleep(0.3)
    return bool(program.io_counters().read_chars == before)


@pytest.mark.parametrize("name", ["passwd", "group"])
def test_zip_does_not_read_system_files(server: Server, photos: Path, noise: Path, name: str) -> None:
    album = surrounded(noise, photos)
    trees.write(album / "z" / name, b"mine\n")

    def replace() -> None:
        shutil.rmtree(album / "z")
        (album / "z").symlink_to("/etc")

    got = got_after(server, album, replace)
    assert Path("/etc", name).read_bytes() not in got


def test_zip_does_not_read_another_album(server: Server, album: Path, photos: Path) -> None:
    got = got_after(server, album, lambda: faults.folder_replaced_by_link(album, photos / "another"))
    assert faults.SECRET not in got


# Unchanged results


def packed(server: Server, album: Path, tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "archive.zip").write_bytes(fetch(server.port, link(album)))
    return contents_of_zip(tmp_path / "archive.zip")


def mixed(photos: Path, *, odd: bool) -> Path:
    album = photos / uuid.uuid4().hex
    trees.write(album / "1.txt", b"one")
    trees.write(album / "empty", b"")
    trees.write(album / "a" / "b" / "deep.txt", b"deep")
    if odd:  # a name that takes a view
        trees.write(album / "a" / "x:y.txt", b"odd")
    return album


@pytest.mark.parametrize("odd", [False, True])
def test_sandboxed_zip_packs_all(server: Server, photos: Path, tmp_path: Path, odd: bool) -> None:
    album = mixed(photos, odd=odd)
    expected = {name.replace(":", "\uff1a"): content for name, content in contents(album).items()}
    assert packed(server, album, tmp_path) == expected


def test_sandboxed_zip_packs_followed_symlinks(photos: Path, tmp_path: Path) -> None:
    album = mixed(photos, odd=False)
    (album / "z").symlink_to("a")
    (album / "z.txt").symlink_to("a/b/deep.txt")
    with running_server(photos, *STORED, "--follow-symlinks") as server:
        found = packed(server, album, tmp_path)
    assert found["z/b/deep.txt"] == found["z.txt"] == b"deep"


def test_sandboxed_zip_packs_the_report(photos: Path, tmp_path: Path) -> None:
    album = mixed(photos, odd=False)
    (album / "1.txt").chmod(0)
    arguments = *STORED, "--on-unreadable", "report"
    with running_server(photos, *arguments, launcher=unprivileged_command()) as server:
        found = packed(server, album, tmp_path)
    assert b"1.txt" in found["UNREADABLE.txt"]
    assert found["a/b/deep.txt"] == b"deep"


@pytest.mark.parametrize("launcher", ["no rights", "no landlock"])
def test_zip_without_rights_or_landlock_packs_all(photos: Path, tmp_path: Path, launcher: str) -> None:
    commands = {
        "no rights": [] if os.geteuid() else [tool("setpriv"), "--bounding-set=-all", "--inh-caps=-all"],
        "no landlock": WITHOUT_LANDLOCK,
    }
    album = mixed(photos, odd=True)
    with running_server(photos, *STORED, launcher=commands[launcher]) as server:
        assert len(packed(server, album, tmp_path)) == len(contents(album))
        assert (UNCONFINED in server.log()) == (launcher == "no landlock")


# Where the program lies


def wrapper(directory: Path, script: str) -> dict[str, str]:
    """The environment in which the program is a shell script."""
    directory.mkdir()
    (directory / "zip").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "zip").chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def test_zip_wrapper_in_another_directory_works(photos: Path, tmp_path: Path) -> None:
    environment = wrapper(tmp_path / "tools", f'. {tmp_path}/tools/beside; exec "$ZIP" "$@"')
    (tmp_path / "tools/beside").write_text(f"ZIP={tool('zip')}\n")
    album = mixed(photos, odd=False)
    with running_server(photos, *STORED, env=environment) as server:
        assert packed(server, album, tmp_path) == contents(album)


def test_zip_that_needs_more_rights_is_logged_at_the_start(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("true\n")
    environment = wrapper(tmp_path / "tools", f'. {tmp_path}/elsewhere; exec {tool("zip")} "$@"')
    ended = subprocess.run(
        [sys.executable, f"{PROJECT}/server.py", "-P", "0", "--photos-dir", photos, *STORED],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "backend: 'zip' (flag --backend): the program" in ended.stderr
    assert "Permission denied" in ended.stderr
    assert "install the system's own zip" in ended.stderr
