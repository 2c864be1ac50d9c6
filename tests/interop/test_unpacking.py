"""Archives of read-only directories, unpacked and deleted by a user without root privileges."""

import os
import subprocess
import tarfile
import urllib.error
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.servers import Server, contents, fetch, running_server, tool
from tests.helpers.unprivileged import unprivileged_command

ALBUM, RENAMED = "7d1a3f", "8e2b4a"
FORMATS = ("stored-zip", "zip", "tar", "tar.gz")
ZIP_PROGRAMS = ("unzip -q", "busybox unzip -q", "bsdtar -xf", "bsdtar -xpf", "7z x -bd")
TAR_PROGRAMS = ("tar -xf", "tar -xpf", "busybox tar -xf", "busybox tar -xpf", "bsdtar -xf", "bsdtar -xpf")
PROGRAMS = {
    "stored-zip": ZIP_PROGRAMS,
    "zip": ZIP_PROGRAMS,
    "tar": TAR_PROGRAMS,
    "tar.gz": [program.replace("-x", "-xz") for program in TAR_PROGRAMS],
}
CASES = [(archive, program) for archive in FORMATS for program in PROGRAMS[archive]]

# Modes on a CD, a snapshot and a share with access control lists, and the modes in the archive
MODES = {
    "disc/": (0o555, 0o755),
    "disc/1.jpg": (0o444, 0o644),
    "disc/inner/": (0o500, 0o700),
    "disc/inner/2.txt": (0o400, 0o600),
    "free/": (0o777, 0o777),
    "free/run": (0o751, 0o751),
}
IN_RENAMED = {"disc/": (0o555, 0o755), "disc/Grüße:.jpg": (0o444, 0o644)}  # packed under a portable name
LOCKED = {"acl/": (0o000, 0o700), "acl/3.jpg": (0o000, 0o600), "others.jpg": (0o044, 0o644)}  # read by root


ALBUMS = {ALBUM: MODES if os.geteuid() else MODES | LOCKED, RENAMED: IN_RENAMED}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    tool("zip")
    photos = tmp_path_factory.mktemp("photos")
    on_disk = {photos / album / name: mode for album in ALBUMS for name, (mode, _) in ALBUMS[album].items()}
    for album, names in ALBUMS.items():
        for name in names:
            create(photos / album / name, is_directory=name.endswith("/"))
    for path, mode in sorted(on_disk.items(), reverse=True):
        path.chmod(mode)
    with running_server(photos, "--formats", ",".join(FORMATS)) as running:
        yield running
    for path in sorted(on_disk):
        path.chmod(0o700)


def create(path: Path, *, is_directory: bool) -> None:
    if is_directory:
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(path.name) * 100)


@pytest.mark.parametrize(("archive", "program"), CASES)
@pytest.mark.parametrize("album", ALBUMS)
def test_archive_of_read_only_album_can_be_unpacked_and_deleted(
    server: Server, tmp_path: Path, archive: str, program: str, album: str
) -> None:
    packed, into = tmp_path / archive, tmp_path / "into"
    packed.write_bytes(fetch(server.port, f"/archive/{album}/?format={archive}"))
    into.mkdir()
    as_user(*program.split(), str(packed), cwd=into)
    read = as_user("find", ".", "-type", "f", "-exec", "cat", "{}", "+", cwd=into)
    assert len(read) == sum(map(len, contents(into).values())) > 0
    names = {portable(name) for name in ALBUMS[album] if not name.endswith("/")}
    assert contents(into).keys() == names
    as_user("rm", "-r", str(into), cwd=tmp_path)
    assert not into.exists()


def as_user(program: str, *arguments: str, cwd: Path) -> bytes:
    """Run a program without the privileges of root, and return its output."""
    command = [*unprivileged_command(), tool(program), *arguments]
    return subprocess.run(
        command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ).stdout


def portable(name: str) -> str:
    return name.replace(":", "\uff1a")


@pytest.mark.parametrize("archive", FORMATS)
@pytest.mark.parametrize("album", ALBUMS)
def test_mode_in_archive_adds_only_owner_access(
    server: Server, tmp_path: Path, archive: str, album: str
) -> None:
    packed = tmp_path / archive
    packed.write_bytes(fetch(server.port, f"/archive/{album}/?format={archive}"))
    assert modes_in(packed) == {portable(name): mode for name, (_, mode) in ALBUMS[album].items()}


def modes_in(packed: Path) -> dict[str, int]:
    if "zip" in packed.name:
        with zipfile.ZipFile(packed) as opened_zip:
            return {info.filename: info.external_attr >> 16 & 0o777 for info in opened_zip.infolist()}
    with tarfile.open(packed) as opened_tar:
        return {info.name + "/" * info.isdir(): info.mode for info in opened_tar}


@pytest.mark.parametrize("mode", [0o000, 0o044])
def test_file_unreadable_for_its_owner_returns_500(tmp_path: Path, mode: int) -> None:
    """The mode in the archive would add read access, so the mode on the disk has to be checked."""
    (tmp_path / ALBUM).mkdir()
    (tmp_path / ALBUM / "1.jpg").write_bytes(b"readable")
    (tmp_path / ALBUM / "2.jpg").write_bytes(b"not for its owner")
    (tmp_path / ALBUM / "2.jpg").chmod(mode)
    with (
        running_server(tmp_path, launcher=unprivileged_command()) as running,
        pytest.raises(urllib.error.HTTPError, match="500"),
    ):
        fetch(running.port, f"/archive/{ALBUM}/")
