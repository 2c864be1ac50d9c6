"""What is in a directory after unpacking, and what should be."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.storage import LocalSource


@dataclass(frozen=True, slots=True)
class Member:
    """`content` is None for a directory; `mtime_s` is None where it is not compared."""

    content: bytes | None
    mode: int
    mtime_s: int | None


def unpacked(directory: Path, *, directory_times: bool = True) -> dict[str, Member]:
    """Every file and directory beneath, by its name relative to it (a directory's with a `/` at the end)."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        status = path.lstat()
        mode, mtime_s = stat.S_IMODE(status.st_mode) & 0o777, int(status.st_mtime_ns // 10**9)
        if stat.S_ISDIR(status.st_mode):
            found[name + "/"] = Member(None, mode, mtime_s if directory_times else None)
        elif stat.S_ISREG(status.st_mode):
            found[name] = Member(path.read_bytes(), mode, mtime_s)
        else:
            raise AssertionError(f"{name} is neither a file nor a directory: {stat.filemode(status.st_mode)}")
    return found


def promised(manifest: Manifest, *, directory_times: bool = True) -> dict[str, Member]:
    """What the manifest says, with the contents that are on the disk."""
    source = manifest.source
    assert isinstance(source, LocalSource)
    root = os.path.join(source.root, source.name)
    return {entry.member_name: _member(root, entry, directory_times) for entry in manifest.entries}


def _member(root: bytes, entry: Entry, directory_times: bool) -> Member:
    mtime_s = entry.mtime_ns // 10**9
    if entry.is_directory:
        return Member(None, entry.mode, mtime_s if directory_times else None)
    with open(os.path.join(root, entry.source_key), "rb") as file:
        return Member(file.read(), entry.mode, mtime_s)


def differences(expected: dict[str, Member], found: dict[str, Member], *, times: bool = True) -> list[str]:
    """In words, short enough to read in a failed test."""
    told = [f"missing: {name!r}" for name in sorted(expected.keys() - found.keys())]
    told += [f"too many: {name!r}" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        wanted, got = expected[name], found[name]
        if wanted.content != got.content:
            told.append(f"{name!r} has another content")
        if wanted.mode != got.mode or (times and wanted.mtime_s != got.mtime_s):
            told.append(
                f"{name!r}: mode {wanted.mode:o}, time {wanted.mtime_s} became {got.mode:o}, {got.mtime_s}"
            )
    return told
