"""Source directories for tests, with the same contents, modes and times in each run."""

import os
import random
from pathlib import Path

from tornado_archiver.source import Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage

SOURCE = "0123456789abcdef"
MTIME_S = 1_600_000_000  # 2020-09-13; each file has a different time at or after it

# Each is misread by some archive program: as a pattern, an option, a list file, two lines, ...
HOSTILE_NAMES = (
    b"[1].jpg",
    b"[a-z]",
    b"-rf",
    b"--",
    b"-@",
    b"@x",
    b"*.jpg",
    b"?.txt",
    b" blank at the start",
    b"blank at the end ",
    b"two\nlines.txt",
    b"tab\there",
    b"carriage\rreturn",
    b"back\\slash",
    b"a:b|c<d>e.txt",
    b'"quoted"',
    b"'single'",
    b"$HOME `id` ;",
    b"%41",
    b"#hash",
    b"con",
    b"LPT1.txt",
    b"dot at the end.",
    b"not utf-8 \xff\xfe.txt",
    b"CASE.txt",
    b"case.txt",
    "été.jpg".encode(),
    "Сумерки.jpg".encode(),
    "日本語.txt".encode(),
    "🌪.png".encode(),
    b"n" * 251 + b".txt",
)


def noise(size: int, seed: int = 0) -> bytes:
    """Return incompressible bytes, the same for each seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311


def write(path: Path | bytes, content: bytes, *, mode: int = 0o644, age_s: int = 0) -> None:
    """Create a file and its parents, with a mode and a fixed modification time."""
    name = os.fsencode(path)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as file:
        file.write(content)
    os.chmod(name, mode)
    os.utime(name, (MTIME_S, MTIME_S + age_s))


def settle_directories(root: Path) -> None:
    """Set a fixed time for `root` and each directory beneath, after all entries were created."""
    for folder, _, _ in os.walk(root, topdown=False):
        os.utime(folder, (MTIME_S, MTIME_S - 86_400))


def mixed(photos: Path) -> Path:
    """Create a source with one file or directory of each kind."""
    root = photos / SOURCE
    write(root / "1.jpg", noise(1_500_000, 1), age_s=1)
    write(root / "2.jpg", noise(70_000, 2), mode=0o600, age_s=3)
    write(root / "text.txt", b"all work and no play makes jack a dull boy\n" * 50_000, age_s=5)
    write(root / "run.sh", b"#!/bin/sh\n", mode=0o755, age_s=7)
    write(root / "empty.bin", b"", age_s=9)
    write(root / "a/b/c/deep.txt", b"deep", age_s=11)
    write(root / "a/b.txt", b"beside a directory that sorts after it", age_s=13)
    (root / "a/empty").mkdir()
    (root / "void").mkdir(mode=0o700)
    settle_directories(root)
    return root


def hostile(photos: Path) -> Path:
    """Create a source with each hostile name as a file and as a directory."""
    root = photos / SOURCE
    for number, name in enumerate(HOSTILE_NAMES):
        write(os.path.join(os.fsencode(root), name), name * 3, age_s=number)
        write(os.path.join(os.fsencode(root), b"in", name, b"inside.txt"), name, age_s=number)
    settle_directories(root)
    return root


def noisy(photos: Path, files: int, size: int) -> Path:
    """Create a source with `files` incompressible files of `size` bytes."""
    root = photos / SOURCE
    for number in range(files):
        write(root / f"{number:05}.jpg", noise(size, number), age_s=number)
    settle_directories(root)
    return root


async def manifest_of(root: Path, source_filter: SourceFilter | None = None) -> Manifest:
    """Return the manifest that the service creates for the directory."""
    return await LocalStorage(root.parent, source_filter or SourceFilter()).scan(root.name)
