"""The response checker itself: it must reject these responses."""

from collections.abc import Iterator

import pytest

from tests.fuzz.fixtures import MARKER, Photos, photo_fixture
from tests.fuzz.raw_connection import LAST_ID, Exchange
from tests.fuzz.response_checks import CANARY, ResponseChecker
from tests.fuzz.strict_parser import parse_responses
from tests.helpers.servers import PROJECT, running_server, tool

HEAD = "HTTP/1.1 200 OK\r\nX-Request-Id: a\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture(scope="module")
def checker() -> Iterator[ResponseChecker]:
    tool("zip")
    with (
        photo_fixture() as photos,
        running_server(photos.root, "--formats", "stored-zip,tar,tar.gz,zip") as server,
    ):
        yield ResponseChecker(server.port, photos)


def page(text: str | bytes, status: int = 200, headers: str = "") -> bytes:
    body = text.encode() if isinstance(text, str) else text
    head = f"HTTP/1.1 {status} OK\r\nX-Request-Id: a\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def archive(
    body: bytes, headers: str, name: str = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60.zip", status: int = 200
) -> bytes:
    return page(body, status, f'Content-Disposition: attachment; filename="{name}"\r\n{headers}')


BAD = {
    "500": page("", 500),
    "503": page("", 503),
    "marker": page(MARKER),
    "traceback": page("Traceback (most recent call last):"),
    "project": page(f"in {PROJECT}/server.py"),
    "reflected": page(f"<p><{CANARY}"),
    "quoted": page(f'href="{CANARY}"'),
    "headers repeat": page("", headers=f"Location: /{CANARY}\r\n"),
    "injected header": page("", headers=f"Set-Cookie: {CANARY}=1\r\n"),
    "server header": page("", headers="Server: Tornado/6\r\n"),
    "no id": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "odd id": page("").replace(b"Id: a", b"Id: a b"),
    "another 404": page("no such directory", 404),
    "too short": page("abc").replace(b"abc", b"ab"),
    "too long": page("abc") + b"d",
    "no length, incomplete": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nab".encode(),
    "wrong chunk sizes": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n".encode(),
    "both lengths": page("", headers="Transfer-Encoding: chunked\r\n"),
    "duplicate header": page("", headers="X-Request-Id: b\r\n"),
    "control character": page("", headers="X: a\x01b\r\n"),
    "bare newline": page("", headers="X: a\nY: b\r\n"),
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "incomplete headers": b"HTTP/1.1 200 OK\r\nX-Req",
    "body without headers": b"HTTP/1.1 400 Bad Request\r\n\r\nBecause of this:",
    "archive of another album": archive(b"PK", 'ETag: "x"\r\n', name="outside.zip"),
    "other bytes": archive(b"PK", 'ETag: "x"\r\n'),
    "other part": archive(
        b"XX", 'ETag: "x"\r\nContent-Type: application/zip\r\nContent-Range: bytes 0-1/9\r\n', status=206
    ),
}  # fmt: skip


@pytest.mark.parametrize("received", BAD.values(), ids=BAD.keys())
def test_checker_bad_response_is_rejected(checker: ResponseChecker, received: bytes) -> None:
    with pytest.raises(AssertionError):
        checker.outcomes(Exchange(REQUEST, received, left=False))


@pytest.mark.parametrize(
    ("received", "left", "outcomes"),
    [
        (b"", False, {"closed": 1}),
        (b"", True, {"waiting": 1}),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, {"400": 1}),
        (page("hello"), False, {"200": 1, "closed": 1}),
        (page("hello") + page("ok").replace(b"Id: a", f"Id: {LAST_ID}".encode()), False, {"200": 1}),
        (b"HTTP/1.1 100 (Continue)\r\n\r\n" + page("hello")[:-1], True, {"200": 1, "waiting": 1}),
    ],
)
def test_checker_outcomes_are_counted(
    checker: ResponseChecker, received: bytes, left: bool, outcomes: dict[str, int]
) -> None:
    assert checker.outcomes(Exchange(REQUEST, received, left=left)) == outcomes


def test_checker_incomplete_response_with_reset_is_accepted(checker: ResponseChecker) -> None:
    """A client does not take an incomplete response for a complete one after a reset."""
    for incomplete in (page("hello")[:-1], page("a") + page("b")[:20]):
        assert checker.outcomes(Exchange(REQUEST, incomplete, left=False, reset=True)) == {
            "200": 1,
            "closed": 1,
        }


def test_parser_chunked_body_is_joined() -> None:
    received = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n".encode()
    (response,) = parse_responses(received, has_head_requests=False)
    assert (response.body, response.is_complete) == (b"abc0123456789", True)


def test_a_body_that_is_asked_for_may_stay_away_from_a_head_only() -> None:
    received = page("abc").removesuffix(b"abc")
    assert [response.is_complete for response in parse_responses(received * 2, has_head_requests=True)] == [
        True,
        True,
    ]
    assert not parse_responses(received, has_head_requests=False)[0].is_complete


def test_fixture_has_secrets_outside_of_albums() -> None:
    with photo_fixture() as photos:
        assert (photos.root / "out" / "secret.jpg").read_bytes() == MARKER
        assert all(
            MARKER not in content for content in photos.contents("5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60").values()
        )
        assert isinstance(photos, Photos)
