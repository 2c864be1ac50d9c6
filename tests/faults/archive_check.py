"""Check that an archive that looks complete is complete: the directory before or after the fault."""

import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

from tests.faults.clients import Result
from tests.helpers.servers import contents_of_zip
from tornado_archiver.testing.faults import SECRET

Files = Mapping[str, bytes]  # content by name

REPORT = "UNREADABLE.txt"
_GZIP = 31  # windowBits of zlib


def readable_files(album: Path) -> Files:
    """Return every readable regular file in the directory, without following symlinks."""
    found = {}
    for folder, _, names in os.walk(album):
        for path in (Path(folder, name) for name in names):
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o400:
                found[path.relative_to(album).as_posix()] = path.read_bytes()
    return found


def contains_secret(result: Result, backend: str) -> bool:
    """Return whether the client has received data from outside the directory."""
    return SECRET in _decompressed(result.body, backend)


def check(result: Result, backend: str, old: Files, new: Files) -> str:
    """Return the client's result as text. Fail if a broken archive looks complete to the client."""
    if not result.status:
        return result.note
    words = _words(result, backend, old, new)
    return f"{result.note}, then {words}" if result.note else words


def _words(result: Result, backend: str, old: Files, new: Files) -> str:
    if not result.is_complete:
        return "aborted"
    if result.status != 200:
        return f"{result.status} page"
    return _whole(members(result.body, backend), old, new)


def _whole(found: dict[str, bytes], old: Files, new: Files) -> str:
    report = found.pop(REPORT, None)
    assert found in (old, new), "the archive looks complete, but is neither the old nor the new directory"
    if report is not None:
        missing = old.keys() - found.keys()
        assert missing, "a report without unreadable files"
        assert missing <= set(report.decode().splitlines())
        return "whole, with a report"
    return "whole" if old == new else "whole, old" if found == old else "whole, new"


def members(archive: bytes, backend: str) -> dict[str, bytes]:
    """Return every file of a complete archive. Raise an exception if it is damaged."""
    if "zip" in backend:
        return contents_of_zip(io.BytesIO(archive))
    if backend == "tar.gz":
        archive = _gunzipped(archive)
    assert archive.endswith(bytes(2 * tarfile.BLOCKSIZE)), "the tar has no end"
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
        files = [member for member in opened.getmembers() if member.isfile()]
        return {member.name: cast(IO[bytes], opened.extractfile(member)).read() for member in files}


def _gunzipped(data: bytes) -> bytes:
    decompressor = zlib.decompressobj(_GZIP)
    unpacked = decompressor.decompress(data) + decompressor.flush()
    assert decompressor.eof, "the gzip stream has no end"
    assert not decompressor.unused_data
    return unpacked


def _decompressed(body: bytes, backend: str) -> bytes:
    """Return the readable part of a body, complete or not. Both zip formats store .jpg files."""
    if backend != "tar.gz" or not body.startswith(b"\x1f\x8b"):
        return body
    return zlib.decompressobj(_GZIP).decompress(body)
