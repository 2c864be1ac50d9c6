"""The response to a GET or HEAD for an archive: status, headers and byte ranges of the body.

RFC 9110 13.2.2 defines the order: preconditions, then If-Range, then Range.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tornado_archiver.backend import ArchiveInfo, ByteRange
from tornado_archiver.http.conditional import (
    PreconditionResult,
    Validators,
    evaluate_preconditions,
    http_date,
    if_range_matches,
)
from tornado_archiver.http.ranges import content_range, parse_range, unsatisfied_range

# no-cache, because otherwise a cache reuses an archive for a tenth of the album's age without revalidation
# (RFC 9111 4.2.2), although photos were added, the album was removed or the link has expired.
# no-transform, because a proxy that compresses the body would break its length and its ranges.
_CACHE_CONTROL = "private, no-cache, no-transform"

# The parts of a body, in order: literal bytes, a range of the archive, or None for the whole archive
BodyParts = list[bytes | ByteRange | None]


@dataclass(frozen=True, slots=True)
class Response:
    """A response to an archive request. `headers` depend on the request and on the facts of the archive."""

    status: int
    headers: dict[str, str]
    parts: BodyParts = field(default_factory=list)

    @property
    def length(self) -> int | None:
        """Length of the body, in bytes; None if it is known only at the end."""
        text = self.headers.get("Content-Length")
        return None if text is None else int(text)


def build_response(method: str, headers: Mapping[str, str], info: ArchiveInfo, media_type: str) -> Response:
    """Return the response to a GET or HEAD with these headers."""
    now = time.time()
    # RFC 9110 8.8.2.1: never later than the Date of the response
    modified = None if info.last_modified is None else min(info.last_modified, int(now))
    validators = Validators(info.etag, modified)
    common = _common_headers(info, validators)
    result = evaluate_preconditions(headers, validators, now)
    if result is PreconditionResult.NOT_MODIFIED:
        return Response(304, common)
    if result is PreconditionResult.PRECONDITION_FAILED:
        return Response(412, common)
    ranges = None
    # RFC 9110 14.2: Range is ignored for a method other than GET
    supports_ranges = method == "GET" and info.length is not None and info.etag is not None
    if supports_ranges and if_range_matches(headers.get("If-Range"), validators, now):
        ranges = parse_range(headers.get("Range"), info.length or 0)
    return _range_response(ranges, info.length, media_type, common)


def _common_headers(info: ArchiveInfo, validators: Validators) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "none" if info.length is None else "bytes",
        "Cache-Control": _CACHE_CONTROL,
    }
    if validators.etag is not None:
        headers["ETag"] = f'"{validators.etag}"'
    if validators.last_modified is not None:
        headers["Last-Modified"] = http_date(validators.last_modified)
    return headers


def _range_response(
    ranges: list[ByteRange] | None, length: int | None, media_type: str, common: dict[str, str]
) -> Response:
    if ranges is None or length is None:
        of_length = {} if length is None else {"Content-Length": str(length)}
        return Response(200, common | of_length | {"Content-Type": media_type}, [None])
    if not ranges:
        return Response(416, common | {"Content-Range": unsatisfied_range(length)})
    if len(ranges) > 1:
        return _multiple_ranges_response(ranges, length, media_type, common)
    headers = {
        "Content-Type": media_type,
        "Content-Range": content_range(ranges[0], length),
        "Content-Length": str(ranges[0].length),
    }
    return Response(206, common | headers, [ranges[0]])


def _multiple_ranges_response(
    ranges: list[ByteRange], length: int, media_type: str, common: dict[str, str]
) -> Response:
    """Return a multipart response (RFC 9110 14.6). The boundary is random, so that no content contains it."""
    boundary = os.urandom(16).hex()
    parts: BodyParts = []
    for byte_range in ranges:
        part_headers = (
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: {content_range(byte_range, length)}\r\n\r\n"
        )
        parts += [part_headers.encode(), byte_range]
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    total = sum(len(part) if isinstance(part, bytes) else part.length for part in parts if part is not None)
    headers = {"Content-Type": f"multipart/byteranges; boundary={boundary}", "Content-Length": str(total)}
    return Response(206, common | headers, parts)
