"""Requests that no visitor's browser sends, one by one, and what each comes to."""

import gzip
import re
from collections.abc import Iterator

import pytest

from tests.abuse.answers import parsed
from tests.abuse.ranges import MANY, cost_of
from tests.abuse.talks import LAST_REQUEST, talk
from tests.abuse.traps import ALBUM, LARGE, Traps, trapped_photos
from tests.servers import Server, eventually, running_server

LINK = f"/archive/{ALBUM}/"
UNKNOWN = "/archive/5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f61/"
CLOSE = "Connection: close\r\n"
# every talk here ends by itself: whoever left earlier would miss what a busy server says
PATIENCE_S = 30


@pytest.fixture(scope="module")
def traps() -> Iterator[Traps]:
    with trapped_photos() as traps:
        yield traps


@pytest.fixture(scope="module")
def server(traps: Traps) -> Iterator[Server]:
    with running_server(traps.photos, "--enable-logging") as server:
        yield server


def said(line: str, headers: str = "", body: bytes = b"") -> bytes:
    return f"{line}\r\nHost: h\r\n{headers}\r\n".encode("latin-1") + body


def statuses(server: Server, asked: bytes) -> list[int]:
    """Of all answers, the one to the request behind it among them."""
    told = talk(server.port, asked + LAST_REQUEST, PATIENCE_S)
    return [answer.status for answer in parsed(told.answered, some_heads=b"HEAD" in asked)]


def sized(body: bytes, headers: str = "") -> str:
    return f"Content-Length: {len(body)}\r\n{headers}"


ZIPPED = gzip.compress(b"a=b" * 1000)
BOMB = gzip.compress(bytes(8_000_000))
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
CODED = "Content-Encoding: gzip\r\n"
UPGRADE = "Connection: Upgrade\r\n"
STILL_IN_STEP = 200  # the request behind it was heard as one, and answered

ODD = {
    "CONNECT": (said("CONNECT photos.test:443 HTTP/1.1"), [405, STILL_IN_STEP]),
    "OPTIONS *": (said("OPTIONS * HTTP/1.1"), [405, STILL_IN_STEP]),
    "GET *": (said("GET * HTTP/1.1"), [404, STILL_IN_STEP]),
    "TRACE": (said(f"TRACE {LINK} HTTP/1.1", "Cookie: secret\r\n"), [405, STILL_IN_STEP]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", [400]),
    "HTTP/0.9": (b"GET /\r\n", [400]),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n", [400]),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", [400]),
    "websocket": (
        said(f"GET {LINK} HTTP/1.1", UPGRADE + "Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n"),
        [200, STILL_IN_STEP],
    ),
    "h2c": (
        said(f"GET {UNKNOWN} HTTP/1.1", UPGRADE + "Upgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
        [404, STILL_IN_STEP],
    ),
    "Expect": (said(f"GET {UNKNOWN} HTTP/1.1", "Expect: 100-continue\r\n"), [100, 404, STILL_IN_STEP]),
    "Expect with a body": (
        said("POST / HTTP/1.1", sized(b"hello", "Expect: 100-continue\r\n"), b"hello"),
        [100, 405, STILL_IN_STEP],
    ),
    "gzip": (said("POST / HTTP/1.1", sized(ZIPPED, FORM + CODED), ZIPPED), [405, STILL_IN_STEP]),
    "bomb": (said("GET / HTTP/1.1", sized(BOMB, FORM + CODED), BOMB), [400, STILL_IN_STEP]),
    "form": (said("POST / HTTP/1.1", sized(b"a=b&" * 99, FORM), b"a=b&" * 99), [405, STILL_IN_STEP]),
    "too long a body": (said("POST / HTTP/1.1", "Content-Length: 99999999999\r\n"), [400]),
    "another host": (b"GET http://evil.test/ HTTP/1.1\r\nHost: h\r\n\r\n", [200, STILL_IN_STEP]),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", [400]),
    "two hosts": (said("GET / HTTP/1.1", "Host: g\r\n"), [400]),
    "2,000 arguments": (said("GET /?" + "&".join(f"a{n}" for n in range(2000)) + " HTTP/1.1"), [400]),
    "10,000 arguments": (said("GET /?" + "&".join(f"a{n}" for n in range(10_000)) + " HTTP/1.1"), [431]),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "expected"), ODD.values(), ids=ODD.keys())
def test_an_odd_request_gets_a_plain_answer(server: Server, asked: bytes, expected: list[int]) -> None:
    assert statuses(server, asked) == expected


def test_the_status_line_tells_nothing_of_its_own(traps: Traps) -> None:
    """An unsigned link, an unknown one and an impossible one are the same 404, in this line as well."""
    with running_server(traps.photos, env={"ARCHIVER_LINK_SECRET": "0123456789abcdef"}) as server:
        told = {
            talk(server.port, said(f"GET {path} HTTP/1.1", CLOSE), PATIENCE_S).answered
            for path in (LINK, UNKNOWN, "/archive/..")
        }
        assert {answer.split(b"\r\n")[0] for answer in told} == {b"HTTP/1.1 404 Not Found"}


@pytest.mark.parametrize(
    "asked",
    [
        said("GET / HTTP/1.1", f"Referer: http://h{LINK}\x01\r\n"),
        said("GET / HTTP/1.1", f"Host: {ALBUM}\r\n"),
        said("POST / HTTP/1.1", f"Content-Length: {ALBUM}\r\n"),
        said(f"GET {LINK} HTTP/1.1 HTTP/1.1"),
        said(f"GET http://h{LINK} HTTP/1.1"),
        said(f"GET {LINK}?{ALBUM} HTTP/1.1"),
        said(f"GET {ALBUM} HTTP/1.1"),
        said(f"GET %2Farchive%2F{ALBUM} HTTP/1.1"),
    ],
)
def test_no_malformed_request_gets_a_hash_into_the_log(server: Server, asked: bytes) -> None:
    line = "GET /archive/5f2c1e…/ 404"
    seen = server.log().count(line)
    talk(server.port, asked + LAST_REQUEST, PATIENCE_S)
    talk(server.port, said(f"GET {UNKNOWN} HTTP/1.1", CLOSE), PATIENCE_S)
    assert eventually(lambda: server.log().count(line) > seen)
    assert ALBUM[6:] not in server.log()


@pytest.mark.parametrize("length", ["1MiB"])
def test_a_flood_of_arguments_costs_little(traps: Traps, length: str) -> None:
    """Even when the head may be that long."""
    with running_server(traps.photos, "--max-header-size", length) as server:
        before = cpu_s(server)
        for _ in range(10):
            asked = said("GET /?" + "&".join(f"argument{number}=x" for number in range(50_000)) + " HTTP/1.1")
            assert statuses(server, asked) == [400]
        assert cpu_s(server) - before < 2


def cpu_s(server: Server) -> float:
    times = server.worker.cpu_times()
    return times.user + times.system


def test_many_ranges_cost_no_more_than_none(server: Server) -> None:
    plain, many = cost_of(server, 500, ""), cost_of(server, 500, MANY)
    assert many < 3 * plain + 0.5


def test_many_ranges_give_the_whole(server: Server) -> None:
    whole = talk(server.port, said(f"GET {LINK} HTTP/1.1", CLOSE), PATIENCE_S).answered
    many = talk(server.port, said(f"GET {LINK} HTTP/1.1", CLOSE + MANY), PATIENCE_S).answered
    assert many.startswith(b"HTTP/1.1 200 OK\r\n")
    assert many.partition(b"\r\n\r\n")[2] == whole.partition(b"\r\n\r\n")[2]


def test_some_ranges_are_never_more_than_the_whole(server: Server) -> None:
    """The most that is obeyed: what is sent is not multiplied by it."""
    overlapping = ",".join(["0-"] * 10)
    asked = said(f"HEAD /archive/{LARGE}/ HTTP/1.1") + said(
        f"GET {LINK} HTTP/1.1", f"Range: bytes={overlapping}\r\n"
    )
    sizes = re.findall(
        rb"Content-Length: (\d+)", talk(server.port, asked + LAST_REQUEST, PATIENCE_S).answered
    )
    assert int(sizes[1]) < int(sizes[0])
