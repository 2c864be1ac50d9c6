"""Generated directories for the benchmarks. They stay in the page cache, so that no disk is measured."""

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
    """`files` files of `file_bytes` random bytes each; if `sparse`, holes that use no disk space."""

    name: str
    title: str
    files: int
    file_bytes: int
    extension: str = ".jpg"
    sparse: bool = False

    @property
    def content_bytes(self) -> int:
        return self.files * self.file_bytes

    def make(self, root: Path) -> Path:
        """Create `root/name` unless it exists, and return its path."""
        path = root / self.name
        if not path.exists():
            path.mkdir(parents=True)
            for number in range(self.files):
                self._make_file(path / f"{number:05}{self.extension}")
        return path

    def _make_file(self, path: Path) -> None:
        with path.open("wb") as file:
            if self.sparse:
                file.truncate(self.file_bytes)
            else:
                file.write(os.urandom(self.file_bytes))


WARM_UP = Directory("warm-up", "first request to a server", 2, 10 * KIB)


def directories(scale: float, film: float = 1) -> tuple[Directory, ...]:
    """Return the directories to download.

    `scale` is a factor for the number of files, `scale * film` one for the size of the film.
    """
    return (
        _many_files("photos", 250, 4 * MIB, scale),
        _many_files("thumbnails", 20_000, 10 * KIB, scale),
        _one_file("film", 8 * GIB, scale * film),
    )


# --stored-threshold for slow clients, smaller than the clip, which takes a slow client a minute
SLOW_THRESHOLD = 4 * MIB


def slow_albums(scale: float) -> tuple[Directory, ...]:
    """Return albums that take a slow client a minute each.

    One for each code path: slices, tiny files, files just small enough to be read completely, one file above
    SLOW_THRESHOLD.
    """
    return (
        _many_files("portraits", 12, MIB // 2, scale),
        _many_files("icons", 6000, KIB, scale),
        _many_files("small-thumbnails", 600, 10 * KIB, scale),
        _many_files("previews", 48, 128 * KIB, scale),
        _one_file("clip", 6 * MIB, scale),
    )


def stalled_albums(scale: float) -> tuple[Directory, ...]:
    """Return the albums that stalled clients request."""
    photos, thumbnails, film = directories(scale)
    return photos, thumbnails, _many_files("previews", 48, 128 * KIB, scale), film


def hundred_gib(scale: float) -> tuple[Directory, ...]:
    """Return two albums of 100 GiB: files with the CRC-32 in a data descriptor, and in the local header."""
    return (
        _many_files("films-1-gib", 100, GIB, scale, extension=".mp4", sparse=True),
        _many_files("clips-64-mib", 1600, 64 * MIB, scale, extension=".mp4", sparse=True),
    )


def _many_files(
    name: str, files: int, file_bytes: int, scale: float, extension: str = ".jpg", sparse: bool = False
) -> Directory:
    count = max(1, round(files * scale))
    title = f"{count:,} {TIMES} {_size(file_bytes)}" + (" (sparse)" if sparse else "")
    return Directory(name, title, count, file_bytes, extension, sparse)


def _one_file(name: str, size: int, scale: float) -> Directory:
    scaled = max(MIB, round(size * scale))
    return Directory(name, f"one file of {_size(scaled)} (sparse)", 1, scaled, ".mp4", sparse=True)


def _size(count: int) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count / KIB:.3g} KiB"


def make_source_text(root: Path, min_bytes: int) -> Path:
    """Copy at least `min_bytes` of the standard library, text that compresses well. Return the directory."""
    target, library, total = root / "source-text", Path(sysconfig.get_path("stdlib")), 0
    for path in _python_files(library):
        if total >= min_bytes:
            break
        copy = target / path.relative_to(library)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        total += copy.stat().st_size
    return target


def _python_files(library: Path) -> Iterator[Path]:
    return (path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts)
