"""The response to an archive request: status, headers and parts, for each kind of request and of archive."""

import pytest

from tornado_archiver.backend import ArchiveInfo, ByteRange
from tornado_archiver.http.response import Response, build_response

SEEKABLE = ArchiveInfo(length=1000, etag="tag", last_modified=1_600_000_000)
STREAMING = ArchiveInfo()


def respond(info: ArchiveInfo = SEEKABLE, method: str = "GET", **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return build_response(method, names, info, "application/zip")


@pytest.mark.parametrize(
    ("response", "status", "length", "parts"),
    [
        (respond(), 200, 1000, [None]),
        (respond(method="HEAD"), 200, 1000, [None]),
        (respond(method="HEAD", Range="bytes=0-9"), 200, 1000, [None]),
        (respond(STREAMING), 200, None, [None]),
        (respond(STREAMING, Range="bytes=0-9"), 200, None, [None]),
        (respond(Range="bytes=0-9"), 206, 10, [ByteRange(0, 10)]),
        (respond(Range="bytes=-1"), 206, 1, [ByteRange(999, 1000)]),
        (respond(Range="bytes=0-9", If_Range='"tag"'), 206, 10, [ByteRange(0, 10)]),
        (respond(Range="bytes=0-9", If_Range='"other"'), 200, 1000, [None]),
        (respond(Range="bytes=1000-"), 416, None, []),
        (respond(If_None_Match='"tag"'), 304, None, []),
        (respond(If_None_Match='"tag"', Range="bytes=0-9"), 304, None, []),
        (respond(If_Match='"other"'), 412, None, []),
    ],
)
def test_response_has_status_length_and_parts(
    response: Response, status: int, length: int | None, parts: list[ByteRange | None]
) -> None:
    assert (response.status, response.length, response.parts) == (status, length, parts)


@pytest.mark.parametrize(
    "response",
    [respond(), respond(Range="bytes=5-"), respond(If_None_Match="*"), respond(If_Match='"other"')],
    ids=["200", "206", "304", "412"],
)
def test_response_of_every_status_has_validators_and_cache_control(response: Response) -> None:
    assert response.headers["ETag"] == '"tag"'
    assert response.headers["Last-Modified"] == "Sun, 13 Sep 2020 12:26:40 GMT"
    assert response.headers["Cache-Control"] == "private, no-cache, no-transform"


def test_multiple_ranges_have_the_announced_length() -> None:
    response = respond(Range="bytes=0-9,500-599")
    sizes = [len(part) if isinstance(part, bytes) else part.length for part in response.parts if part]
    assert response.status == 206
    assert sum(sizes) == response.length
    assert [part for part in response.parts if isinstance(part, ByteRange)] == [
        ByteRange(0, 10),
        ByteRange(500, 600),
    ]
