"""The members of an unpacked archive, compared with the manifest."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.storage import LocalSource


@dataclass(frozen=True, slots=True)
class Member:
    """An unpacked file or directory. `content` is None for a directory; `mtime_s` is None if not compared."""

    content: bytes | None
    mode: int
    mtime_s: int | None


def unpacked(directory: Path, *, directory_times: bool = True) -> dict[str, Member]:
    """Return the files and directories beneath by relative name; that of a directory ends with `/`."""
    members = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        status = path.lstat()
        mode, mtime_s = stat.S_IMODE(status.st_mode) & 0o777, int(status.st_mtime_ns // 10**9)
        if stat.S_ISDIR(status.st_mode):
            members[name + "/"] = Member(None, mode, mtime_s if directory_times else None)
        elif stat.S_ISREG(status.st_mode):
            members[name] = Member(path.read_bytes(), mode, mtime_s)
        else:
            raise AssertionError(f"{name} is neither a file nor a directory: {stat.filemode(status.st_mode)}")
    return members


def promised(manifest: Manifest, *, directory_times: bool = True) -> dict[str, Member]:
    """Return the members that the manifest describes, with the contents on the disk."""
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


def differences(expected: dict[str, Member], actual: dict[str, Member], *, times: bool = True) -> list[str]:
    """Return one line for each difference, without the contents."""
    lines = [f"missing: {name!r}" for name in sorted(expected.keys() - actual.keys())]
    lines += [f"unexpected: {name!r}" for name in sorted(actual.keys() - expected.keys())]
    for name in sorted(expected.keys() & actual.keys()):
        before, after = expected[name], actual[name]
        if before.content != after.content:
            lines.append(f"{name!r}: content differs")
        if before.mode != after.mode or (times and before.mtime_s != after.mtime_s):
            lines.append(
                f"{name!r}: mode {before.mode:o}, time {before.mtime_s}"
                f" became {after.mode:o}, {after.mtime_s}"
            )
    return lines
