"""The JSON document of `?info`: the facts of an archive, for the label of a download button. Pure."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from tornado_archiver.backend import ArchiveInfo
from tornado_archiver.source import Entry

MEDIA_TYPE = "application/json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FormatInfo(NamedTuple):
    """A format in which a link can be downloaded. `length` of the archive in bytes, None if unknown."""

    name: str
    suffix: str
    media_type: str
    length: int | None


def info_document(entries: Sequence[Entry], formats: Sequence[FormatInfo], newest_s: int) -> bytes:
    """Return the document. `newest_s`: the newest modification time, in seconds since the epoch."""
    files = [entry.size for entry in entries if not entry.is_directory]
    document = {
        "files": len(files),
        "bytes": sum(files),
        "newest": (_EPOCH + timedelta(seconds=newest_s)).isoformat().replace("+00:00", "Z"),
        "formats": [each._asdict() for each in formats],
    }
    return json.dumps(document).encode() + b"\n"


def info_of_document(document: bytes, last_modified: int | None) -> ArchiveInfo:
    """Return length and validators of the document, as if it were an archive."""
    etag = blake2b(document, digest_size=16).hexdigest()
    return ArchiveInfo(len(document), etag, last_modified)


def allowed_origin(origin: str, allowed: Sequence[str]) -> str:
    """Return the value of Access-Control-Allow-Origin for a request with this Origin, "" for none (Fetch,
    CORS protocol)."""
    if "*" in allowed:
        return "*"
    return origin if origin in allowed else ""
