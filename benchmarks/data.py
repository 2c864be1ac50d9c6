"""The directories that are packed. What they hold stays in the page cache, so no disk is measured."""

import os
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Directory:
    """`files` files of `file_bytes` each: random bytes, or, where `sparse`, zeros that take no disk."""

    name: str
    title: str
    files: int
    file_bytes: int
    suffix: str = ".jpg"
    sparse: bool = False

    @property
    def content_bytes(self) -> int:
        return self.files * self.file_bytes

    def make(self, root: Path) -> Path:
        """Create it as `root/name`, unless it is there."""
        made = root / self.name
        if not made.exists():
            made.mkdir(parents=True)
            for number in range(self.files):
                self._make_file(made / f"{number:05}{self.suffix}")
        return made

    def _make_file(self, path: Path) -> None:
        with path.open("wb") as file:
            if self.sparse:
                file.truncate(self.file_bytes)
            else:
                file.write(os.urandom(self.file_bytes))


WARM_UP = Directory("warm-up", "what a server is asked for first", 2, 10 * KIB)


def directories(scale: float, film: float = 1) -> tuple[Directory, ...]:
    """Those that are downloaded. `scale` shrinks them: fewer files, and a shorter film; `film` that alone."""
    return (
        _several("photos", 250, 4 * MIB, scale),
        _several("thumbnails", 20_000, 10 * KIB, scale),
        _one("film", 8 * GIB, scale * film),
    )


SLOW_THRESHOLD = 4 * MIB  # of the server for slow clients, so that a clip they can wait for is above it


def slow_albums(scale: float) -> tuple[Directory, ...]:
    """Small albums of every kind, each of which a slow client takes a minute for: files that are sent as
    slices, tiny ones, some that are just read whole, and one above SLOW_THRESHOLD."""
    return (
        _several("portraits", 12, MIB // 2, scale),
        _several("icons", 6000, KIB, scale),
        _several("small-thumbnails", 600, 10 * KIB, scale),
        _several("previews", 48, 128 * KIB, scale),
        _one("clip", 6 * MIB, scale),
    )


def stalled_albums(scale: float) -> tuple[Directory, ...]:
    """What a client that reads nothing asks for."""
    photos, thumbnails, film = directories(scale)
    return photos, thumbnails, _several("previews", 48, 128 * KIB, scale), film


def hundred_gib(scale: float) -> tuple[Directory, ...]:
    """100 GiB twice: in files that are sent with their CRC-32 after them, and with it before them."""
    return (
        _several("films-1-gib", 100, GIB, scale, suffix=".mp4", sparse=True),
        _several("clips-64-mib", 1600, 64 * MIB, scale, suffix=".mp4", sparse=True),
    )


def _several(
    name: str, files: int, file_bytes: int, scale: float, suffix: str = ".jpg", sparse: bool = False
) -> Directory:
    count = max(1, round(files * scale))
    title = f"{count:,} {TIMES} {_size(file_bytes)}" + (" (sparse)" if sparse else "")
    return Directory(name, title, count, file_bytes, suffix, sparse)


def _one(name: str, size: int, scale: float) -> Directory:
    scaled = max(MIB, round(size * scale))
    return Directory(name, f"one file of {_size(scaled)} (sparse)", 1, scaled, ".mp4", sparse=True)


def _size(count: int) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count / KIB:.3g} KiB"


def make_source_text(root: Path, enough_bytes: int) -> Path:
    """A copy of so much of Python's standard library: text, which deflates well."""
    made, library, total = root / "source-text", Path(sysconfig.get_path("stdlib")), 0
    for path in _python_files(library):
        if total >= enough_bytes:
            break
        copy = made / path.relative_to(library)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        total += copy.stat().st_size
    return made


def _python_files(library: Path) -> Iterator[Path]:
    return (path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts)
