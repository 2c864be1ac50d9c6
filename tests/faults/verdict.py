"""The one rule: what a client takes for a whole archive is one, of the directory as it was or as it is."""

import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

from tests.faults.visits import Got
from tests.servers import contents_of_zip
from tornado_archiver.testing.faults import SECRET

State = Mapping[str, bytes]  # content by name

REPORT = "UNREADABLE.txt"
_GZIP = 31  # zlib's windowBits for it


def state(album: Path) -> State:
    """Every regular file in the directory that can be read, without following a link."""
    found = {}
    for folder, _, names in os.walk(album):
        for path in (Path(folder, name) for name in names):
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o400:
                found[path.relative_to(album).as_posix()] = path.read_bytes()
    return found


def shows_outside(got: Got, backend: str) -> bool:
    """Whether the visitor has got something from outside of the directory."""
    return SECRET in _visible(got.body, backend)


def verdict(got: Got, backend: str, old: State, new: State) -> str:
    """What the visitor has, in words. Fails when it is not what he takes it for."""
    if not got.status:
        return got.note
    words = _words(got, backend, old, new)
    return f"{got.note}, then {words}" if got.note else words


def _words(got: Got, backend: str, old: State, new: State) -> str:
    if not got.is_complete:
        return "cut"
    return _whole(members(got.body, backend), old, new) if got.status == 200 else f"{got.status} page"


def _whole(found: dict[str, bytes], old: State, new: State) -> str:
    report = found.pop(REPORT, None)
    assert found in (old, new), (
        "the client takes it for complete, and it is neither the old nor the new state"
    )
    if report is not None:
        missing = old.keys() - found.keys()
        assert missing, "a report without anything to report"
        assert missing <= set(report.decode().splitlines())
        return "whole, with a report"
    return "whole" if old == new else "whole, old" if found == old else "whole, new"


def members(archive: bytes, backend: str) -> dict[str, bytes]:
    """Every file of a whole archive; an exception when it is damaged."""
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


def _visible(body: bytes, backend: str) -> bytes:
    """What of the contents can be read in a body, whole or not. Both zips store what is called .jpg."""
    if backend != "tar.gz" or not body.startswith(b"\x1f\x8b"):
        return body
    return zlib.decompressobj(_GZIP).decompress(body)
