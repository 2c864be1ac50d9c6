"""What to answer a request for an archive whose facts are known: status, headers, which bytes.

RFC 9110 13.2.2 sets the order: preconditions, then If-Range, then Range.
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

# no-cache, because without it a cache reuses an archive for a tenth of the album's age and does not ask
# (RFC 9111 4.2.2), though photos were added, the album was removed or the link has expired.
# no-transform, because a proxy that compressed the body would break its length and its ranges.
_CACHE_CONTROL = "private, no-cache, no-transform"

# What a body consists of, one behind the other: bytes as they are, a range of the archive, None for the whole
BodyParts = list[bytes | ByteRange | None]


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` are those that hang on the request and the archive's facts."""

    status: int
    headers: dict[str, str]
    parts: BodyParts = field(default_factory=list)

    @property
    def length(self) -> int | None:
        """Of the body, None when it shows only at its end."""
        text = self.headers.get("Content-Length")
        return None if text is None else int(text)


def build_response(method: str, headers: Mapping[str, str], info: ArchiveInfo, media_type: str) -> Response:
    """The answer to a GET or HEAD with these headers."""
    now = time.time()
    # RFC 9110 8.8.2.1: never later than the Date of the answer
    modified = None if info.last_modified is None else min(info.last_modified, int(now))
    validators = Validators(info.etag, modified)
    common = _common_headers(info, validators)
    outcome = evaluate_preconditions(headers, validators, now)
    if outcome is PreconditionResult.NOT_MODIFIED:
        return Response(304, common)
    if outcome is PreconditionResult.PRECONDITION_FAILED:
        return Response(412, common)
    ranges = None
    # RFC 9110 14.2: a Range with another method than GET is ignored
    can_be_cut = method == "GET" and info.length is not None and info.etag is not None
    if can_be_cut and if_range_matches(headers.get("If-Range"), validators, now):
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
        known = {} if length is None else {"Content-Length": str(length)}
        return Response(200, common | known | {"Content-Type": media_type}, [None])
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
    """RFC 9110 14.6, in the order asked for. The boundary is random: it may stand in no content."""
    boundary = os.urandom(16).hex()
    parts: BodyParts = []
    for wanted in ranges:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: {content_range(wanted, length)}\r\n\r\n"
        )
        parts += [head.encode(), wanted]
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    total = sum(len(part) if isinstance(part, bytes) else part.length for part in parts if part is not None)
    headers = {"Content-Type": f"multipart/byteranges; boundary={boundary}", "Content-Length": str(total)}
    return Response(206, common | headers, parts)
