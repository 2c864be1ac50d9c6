"""The judge of the answers, who must not be blind: what he has to condemn."""

from collections.abc import Iterator

import pytest

from tests.abuse.answers import parsed
from tests.abuse.judge import CANARY, Judge
from tests.abuse.talks import LAST_ID, Talk
from tests.abuse.traps import MARKER, Traps, trapped_photos
from tests.servers import PROJECT, running_server, tool

HEAD = "HTTP/1.1 200 OK\r\nX-Request-Id: a\r\n"
ASKED = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    tool("zip")
    with (
        trapped_photos() as traps,
        running_server(traps.photos, "--formats", "stored-zip,tar,tar.gz,zip") as server,
    ):
        yield Judge(server.port, traps)


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
    "head repeats": page("", headers=f"Location: /{CANARY}\r\n"),
    "a header of its own": page("", headers=f"Set-Cookie: {CANARY}=1\r\n"),
    "says what it runs on": page("", headers="Server: Tornado/6\r\n"),
    "no id": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "odd id": page("").replace(b"Id: a", b"Id: a b"),
    "another 404": page("no such directory", 404),
    "too short": page("abc").replace(b"abc", b"ab"),
    "too long": page("abc") + b"d",
    "no length, and cut": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nab".encode(),
    "chunks that lie": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n".encode(),
    "both lengths": page("", headers="Transfer-Encoding: chunked\r\n"),
    "twice": page("", headers="X-Request-Id: b\r\n"),
    "control character": page("", headers="X: a\x01b\r\n"),
    "bare newline": page("", headers="X: a\nY: b\r\n"),
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nX-Req",
    "body without head": b"HTTP/1.1 400 Bad Request\r\n\r\nBecause of this:",
    "an archive of another": archive(b"PK", 'ETag: "x"\r\n', name="outside.zip"),
    "other bytes": archive(b"PK", 'ETag: "x"\r\n'),
    "other part": archive(
        b"XX", 'ETag: "x"\r\nContent-Type: application/zip\r\nContent-Range: bytes 0-1/9\r\n', status=206
    ),
}  # fmt: skip


@pytest.mark.parametrize("answered", BAD.values(), ids=BAD.keys())
def test_what_must_not_be_is_told(judge: Judge, answered: bytes) -> None:
    with pytest.raises(AssertionError):
        judge.outcomes(Talk(ASKED, answered, left=False))


@pytest.mark.parametrize(
    ("answered", "left", "outcomes"),
    [
        (b"", False, {"hung up on": 1}),
        (b"", True, {"waited for": 1}),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, {"400": 1}),
        (page("hello"), False, {"200": 1, "hung up on": 1}),
        (page("hello") + page("ok").replace(b"Id: a", f"Id: {LAST_ID}".encode()), False, {"200": 1}),
        (b"HTTP/1.1 100 (Continue)\r\n\r\n" + page("hello")[:-1], True, {"200": 1, "waited for": 1}),
    ],
)
def test_outcomes_are_counted(judge: Judge, answered: bytes, left: bool, outcomes: dict[str, int]) -> None:
    assert judge.outcomes(Talk(ASKED, answered, left=left)) == outcomes


def test_a_reset_tells_of_itself(judge: Judge) -> None:
    """Half an answer is none, but nobody takes it for a whole one then."""
    for cut in (page("hello")[:-1], page("a") + page("b")[:20]):
        assert judge.outcomes(Talk(ASKED, cut, left=False, reset=True)) == {"200": 1, "hung up on": 1}


def test_a_chunked_body_is_put_together() -> None:
    answered = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n".encode()
    (answer,) = parsed(answered, some_heads=False)
    assert (answer.body, answer.is_whole) == (b"abc0123456789", True)


def test_a_body_that_is_asked_for_may_stay_away_from_a_head_only() -> None:
    answered = page("abc").removesuffix(b"abc")
    assert [answer.is_whole for answer in parsed(answered * 2, some_heads=True)] == [True, True]
    assert not parsed(answered, some_heads=False)[0].is_whole


def test_the_traps_are_set() -> None:
    with trapped_photos() as traps:
        assert (traps.photos / "out" / "secret.jpg").read_bytes() == MARKER
        assert all(
            MARKER not in content for content in traps.contents("5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60").values()
        )
        assert isinstance(traps, Traps)
