"""A strict parser of HTTP/1.1 responses, which accepts only data that RFC 9112 and RFC 9110 allow."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e]*")
_VCHAR = rb"[\x21-\x7e\x80-\xff]"
_FIELD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(|"
    + _VCHAR
    + rb"|"
    + _VCHAR
    + rb"[\t\x20-\x7e\x80-\xff]*"
    + _VCHAR
    + rb")"
)
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_BODILESS = (204, 304)


class NotHttpError(Exception):
    """The data is not an HTTP response."""


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` have lower-case names. `body` is decoded from its chunks. `is_complete`: the body has the
    announced length, or its last chunk."""

    status: int
    head: bytes
    headers: dict[str, str]
    body: bytes
    is_complete: bool


def parse_responses(
    data: bytes, *, has_head_requests: bool, may_be_incomplete: bool = False
) -> list[Response]:
    """Parse all responses of a closed connection. `has_head_requests`: a response can lack the body whose
    length it announces. `may_be_incomplete`: an incomplete last header section is ignored. Raise
    NotHttpError."""
    if may_be_incomplete and b"\r\n\r\n" not in data[data.rfind(b"HTTP/1.1 ") :]:
        data = data[: max(0, data.rfind(b"HTTP/1.1 "))]
    return list(_answers(data, has_head_requests))


def _answers(data: bytes, has_head_requests: bool) -> Iterator[Response]:
    while data:
        head, mark, rest = data.partition(b"\r\n\r\n")
        status, headers = _head(head)
        if not mark:
            raise NotHttpError(f"incomplete header section: {head[-200:]!r}")
        if status < 200 or status in _BODILESS or (has_head_requests and rest[:9] in (b"", b"HTTP/1.1 ")):
            body, data, is_complete = b"", rest, True
        else:
            body, data, is_complete = _body(headers, rest)
        yield Response(status, head, headers, body, is_complete)


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if status is None or None in fields:
        raise NotHttpError(f"invalid header section: {head[:500]!r}")
    pairs = [(field[1].decode().lower(), field[2].decode("latin-1")) for field in fields if field]
    headers = dict(pairs)
    if len(headers) < len(pairs):
        raise NotHttpError(f"duplicate header: {head!r}")  # the service sends none twice
    return int(status[1]), headers


def _body(headers: dict[str, str], rest: bytes) -> tuple[bytes, bytes, bool]:
    """Return the body, the data after it, and whether the body is complete."""
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if length is not None and coding is not None:
        raise NotHttpError("both Content-Length and Transfer-Encoding")
    if coding is not None:
        if coding != "chunked":
            raise NotHttpError(f"Transfer-Encoding: {coding}")
        return _unchunked(rest)
    if length is None:
        return rest, b"", True  # up to the end of the connection
    if not re.fullmatch("[0-9]+", length):
        raise NotHttpError(f"Content-Length: {length}")
    return rest[: int(length)], rest[int(length) :], len(rest) >= int(length)


def _unchunked(data: bytes) -> tuple[bytes, bytes, bool]:
    body, at = [], 0
    while head := _CHUNK_HEAD.match(data, at):
        size, start = int(head[1], 16), head.end()
        body.append(data[start : start + size])
        end = data[start + size : start + size + 2]
        if end != b"\r\n"[: len(end)]:
            raise NotHttpError(f"chunk without CRLF at its end: {end!r}")
        at = start + size + 2
        if not size:
            return b"".join(body), data[at:], len(end) == 2
    if len(data) - at > 10:
        raise NotHttpError(f"invalid chunk: {data[at : at + 40]!r}")
    return b"".join(body), b"", False
