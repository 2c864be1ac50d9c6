"""Albums, and files in and around them that no archive may contain."""

import io
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.helpers.servers import PROJECT

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
LARGE = "0a9d8c7b6e5f40312233445566778899"
# Directories in the photos root with valid but unusual names
UNUSUAL_ALBUMS = ("фото", "two words", "%2e%2e", "a;b,c", "100%", "-rf", "<b>&amp;'\"", "a..")
FORMATS = ("stored-zip", "tar", "tar.gz", "zip")
MARKER = b"CONTENT-OUTSIDE-OF-ANY-ARCHIVE"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Photos:
    """`root` is the photos root."""

    root: Path

    @property
    def secrets(self) -> list[bytes]:
        """Return data that no response may contain, except an archive."""
        paths = [
            str(self.root),
            str(self.root.parent),
            str(PROJECT),
            "/home/",
            "/usr/lib",
            "site-packages",
        ]
        words = ["Traceback", 'File "', "Errno", "Error:", "root:x:"]
        return [MARKER, *(text.encode() for text in paths + words)]

    def contents(self, album: str) -> dict[str, bytes]:
        """Return the contents of an archive of the album, without hidden files and symlinks."""
        directory = self.root / album
        files = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
        named = {path.relative_to(directory).as_posix(): path for path in files}
        return {name: path.read_bytes() for name, path in named.items() if "/." not in f"/{name}"}


@contextmanager
def photo_fixture() -> Iterator[Photos]:
    """Create the photos root, and secrets in and outside of it."""
    with TemporaryDirectory(prefix="fuzz-") as directory:
        photos = Path(directory) / "photos"
        outside = Path(directory) / "outside"
        _write(outside / "secret.jpg", MARKER)
        _write(outside / "deep" / "secret.jpg", MARKER)
        for number, album in enumerate((ALBUM, *UNUSUAL_ALBUMS)):
            _write(photos / album / "1.jpg", random.Random(number).randbytes(1500))
        _add_album_secrets(photos / ALBUM, outside)
        _add_root_secrets(photos, outside)
        _write(photos / LARGE / "0.jpg", random.Random(99).randbytes(MIB))
        for number in range(1, 32):
            os.link(photos / LARGE / "0.jpg", photos / LARGE / f"{number}.jpg")
        yield Photos(photos)


def _add_album_secrets(album: Path, outside: Path) -> None:
    _write(album / "night" / "Сумерки.jpg", b"dusk")
    _write(album / ".hidden.jpg", MARKER)
    _write(album / ".git" / "config", MARKER)
    (album / "link.jpg").symlink_to(outside / "secret.jpg")
    (album / "directory").symlink_to(outside)
    (album / "passwd").symlink_to("/etc/passwd")
    (album / "loop").symlink_to("loop")
    os.mkfifo(album / "pipe")


def _add_root_secrets(photos: Path, outside: Path) -> None:
    _write(photos / "file", MARKER)
    _write(photos / ".hidden" / "1.jpg", MARKER)
    _write(photos / os.fsdecode(b"not \xff utf-8") / "1.jpg", MARKER)
    (photos / "empty").mkdir()
    (photos / "out").symlink_to(outside)
    (photos / "etc").symlink_to("/etc")
    (photos / "up").symlink_to("..")
    (photos / "loop").symlink_to("loop")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1_600_000_000, 1_600_000_000))


def unpacked(body: bytes, media_type: str) -> dict[str, bytes]:
    """Return every file of an archive by name."""
    if media_type == "application/zip":
        with zipfile.ZipFile(io.BytesIO(body)) as opened:
            return {m.filename: opened.read(m) for m in opened.infolist() if not m.is_dir()}
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = {member.name: opened.extractfile(member) for member in opened if member.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}
