"""Checks that every response must pass, whatever the request."""

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote

from tests.fuzz.fixtures import ALBUM, FORMATS, UNUSUAL_ALBUMS, Photos, unpacked
from tests.fuzz.raw_connection import LAST_ID, LAST_REQUEST, Exchange, exchange
from tests.fuzz.strict_parser import NotHttpError, Response, parse_responses

# A request can cause these and no others: 500 is a bug, 503 requires a limit that was reached
STATUSES = {100, 200, 206, 304, 400, 404, 405, 410, 412, 416, 431}
_IDLE_TIMEOUT_S = 30
CANARY = "zq7canary"  # is part of requests, alone and inside markup
_MARKED = re.compile(rb"[<\"'`]" + CANARY.encode())
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@+/=~-]{1,64}", re.ASCII)
# the file name of a response to such a request is not that of an album
_NAMED_OR_SELECTED = re.compile(rb"[?&](file|name)=|/[^/ ]*\.(zip|tar|tar\.gz)[? ]", re.IGNORECASE)
_REFERENCE = re.compile(rb"Reference:? [^<\n]*")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class ResponseChecker:
    """Compares responses with the albums that valid requests return."""

    def __init__(self, port: int, photos: Photos, signed: dict[str, str] | None = None) -> None:
        """`signed` has the query string of each album, if links are signed."""
        self._secrets = photos.secrets
        self._bodies: dict[str, bytes] = {}  # of archives with a known length, by Content-Disposition
        self._contents: dict[str, dict[str, bytes]] = {}  # of the others
        self._albums: list[dict[str, bytes]] = []
        self._not_found = {_without_reference(response) for response in _not_found_pages(port)}
        for album in (ALBUM, *UNUSUAL_ALBUMS):
            self._albums.append(photos.contents(album))
            for name in FORMATS:
                query = f"{(signed or {}).get(album, '')}&format={name}"
                self._learn(get(port, f"/archive/{quote(album)}/?{query}"), photos.contents(album))

    def _learn(self, response: Response, contents: dict[str, bytes]) -> None:
        assert response.status == 200
        assert unpacked(response.body, response.headers["content-type"]) == contents
        if "etag" in response.headers:
            self._bodies[response.headers["content-disposition"]] = response.body
        else:
            self._contents[response.headers["content-disposition"]] = contents

    def outcomes(self, exchanged: Exchange) -> Counter[str]:
        """Return how the requests before the last one ended. Raise AssertionError if a check fails."""
        try:
            responses = parse_responses(
                exchanged.received,
                has_head_requests=b"HEAD" in exchanged.sent,
                may_be_incomplete=exchanged.left or exchanged.reset,
            )
            faults = [fault for response in responses for fault in self._faults(response, exchanged)]
        except NotHttpError as error:
            responses, faults = [], [str(error)]
        assert not faults, f"{faults}\nrequest {exchanged.sent!r}\nresponse {exchanged.received[:3000]!r}"
        ids = [response.headers.get("x-request-id") for response in responses if response.status >= 200]
        ended = Counter(str(response.status) for response in responses if response.status >= 200)
        if LAST_ID in ids:
            return ended - Counter({"200": 1})
        return ended + Counter({"waiting" if exchanged.left else "closed": not ended["400"]})

    def assert_serves(self, port: int, link: str) -> None:
        """Assert that a link returns its album."""
        sent = f"GET {link} HTTP/1.1\r\nHost: h\r\n\r\n".encode() + LAST_REQUEST
        assert self.outcomes(exchange(port, sent, _IDLE_TIMEOUT_S)) == {"200": 1}, (
            f"{link} does not return its album"
        )

    def _faults(self, response: Response, exchanged: Exchange) -> Iterator[str]:
        if response.status not in STATUSES:
            yield f"status {response.status}"
        if not response.is_complete and not (exchanged.left or exchanged.reset):
            yield "incomplete, without a reset"
        if response.headers.keys() - {
            "x-robots-tag"
        }:  # errors outside of handlers have no other header, and no body
            yield from self._head_faults(response)
            yield from (
                self._page_faults(response)
                if not _is_archive(response)
                else self._archive_faults(response, exchanged)
            )
        elif response.body:
            yield "a body without headers"

    def _head_faults(self, response: Response) -> Iterator[str]:
        if not _REQUEST_ID.fullmatch(response.headers.get("x-request-id", "")):
            yield "invalid X-Request-Id"
        others = {name: value for name, value in response.headers.items() if name != "x-request-id"}
        if CANARY in str(others):
            yield "the headers repeat the request"
        if "server" in others:
            yield "it has a Server header"

    def _page_faults(self, response: Response) -> Iterator[str]:
        exchanged = response.head + response.body
        yield from (f"it contains {secret!r}" for secret in self._secrets if secret in exchanged)
        if _MARKED.search(response.body):
            yield "the page repeats the request unescaped"
        if (
            response.status == 404
            and response.body
            and response.is_complete
            and _without_reference(response) not in self._not_found
        ):
            yield "a different 404 page"

    def _archive_faults(self, response: Response, exchanged: Exchange) -> Iterator[str]:
        if _NAMED_OR_SELECTED.search(exchanged.sent):
            yield from self._selection_faults(response)
        elif "etag" not in response.headers:
            yield from self._streaming_faults(response)
        else:
            yield from self._seekable_faults(response)

    def _selection_faults(self, response: Response) -> Iterator[str]:
        """Yield a fault for a complete archive with other files than those of one album."""
        if response.status == 200 and response.body and response.is_complete:
            packed = unpacked(response.body, response.headers["content-type"])
            if not any(packed.items() <= contents.items() for contents in self._albums):
                yield "an archive with files of no album"

    def _seekable_faults(self, response: Response) -> Iterator[str]:
        whole = self._bodies.get(response.headers["content-disposition"])
        if whole is None:
            yield "an archive that is not an album"
        elif (
            response.body
            and response.status == 200
            and response.body != whole[: None if response.is_complete else len(response.body)]
        ):
            yield "a different archive than announced"
        elif response.body and response.status == 206 and response.is_complete:
            yield from _range_faults(response, whole)

    def _streaming_faults(self, response: Response) -> Iterator[str]:
        expected = self._contents.get(response.headers["content-disposition"])
        if expected is None:
            yield "an archive that is not an album"
        elif (
            response.body
            and response.is_complete
            and unpacked(response.body, response.headers["content-type"]) != expected
        ):
            yield "an archive with other contents"


def _is_archive(response: Response) -> bool:
    return response.status in (200, 206) and "content-disposition" in response.headers


def _range_faults(response: Response, whole: bytes) -> Iterator[str]:
    """Yield the faults of a complete 206 response."""
    media_type, _, boundary = response.headers["content-type"].partition("; boundary=")
    if media_type != "multipart/byteranges":
        yield from _part_faults(response.headers["content-range"], response.body, whole)
        return
    for part in response.body.split(f"\r\n--{boundary}".encode())[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        yield from _part_faults(head.decode().rpartition("Content-Range: ")[2], body, whole)


def _part_faults(content_range: str, body: bytes, whole: bytes) -> Iterator[str]:
    found = _CONTENT_RANGE.fullmatch(content_range)
    if not found or int(found[3]) != len(whole) or whole[int(found[1]) : int(found[2]) + 1] != body:
        yield f"not {content_range}"


def _without_reference(response: Response) -> bytes:
    """Return the body without the id of the request, which no two responses share."""
    return _REFERENCE.sub(b"", response.body)


def _not_found_pages(port: int) -> list[Response]:
    return [get(port, "/archive/nothing/", f"Accept: {kind}\r\n") for kind in ("*/*", "text/html")]


def get(port: int, path: str, headers: str = "") -> Response:
    """Return the response on a separate connection."""
    sent = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n"
    (response,) = parse_responses(
        exchange(port, sent.encode(), _IDLE_TIMEOUT_S).received, has_head_requests=False
    )
    assert response.is_complete
    return response
