"""Unusual requests that no browser sends, with the status of each."""

import gzip
import re
from collections.abc import Iterator

import pytest

from tests.fuzz.fixtures import ALBUM, LARGE, Photos, photo_fixture
from tests.fuzz.ranges import MANY, processor_seconds
from tests.fuzz.raw_connection import LAST_REQUEST, exchange
from tests.fuzz.strict_parser import parse_responses
from tests.helpers.servers import Server, eventually, running_server

LINK = f"/archive/{ALBUM}/"
UNKNOWN = "/archive/5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f61/"
CLOSE = "Connection: close\r\n"
# every exchange here is closed by the service; a shorter timeout could miss responses of a busy server
IDLE_TIMEOUT_S = 30


@pytest.fixture(scope="module")
def photos() -> Iterator[Photos]:
    with photo_fixture() as photos:
        yield photos


@pytest.fixture(scope="module")
def server(photos: Photos) -> Iterator[Server]:
    with running_server(photos.root, "--enable-logging") as server:
        yield server


def build(line: str, headers: str = "", body: bytes = b"") -> bytes:
    return f"{line}\r\nHost: h\r\n{headers}\r\n".encode("latin-1") + body


def statuses(server: Server, sent: bytes) -> list[int]:
    """Return the statuses of all responses, including that of the following request."""
    exchanged = exchange(server.port, sent + LAST_REQUEST, IDLE_TIMEOUT_S)
    return [
        response.status for response in parse_responses(exchanged.received, has_head_requests=b"HEAD" in sent)
    ]


def sized(body: bytes, headers: str = "") -> str:
    return f"Content-Length: {len(body)}\r\n{headers}"


ZIPPED = gzip.compress(b"a=b" * 1000)
BOMB = gzip.compress(bytes(8_000_000))
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
CODED = "Content-Encoding: gzip\r\n"
UPGRADE = "Connection: Upgrade\r\n"
NEXT_REQUEST = 200  # the following request on the connection was parsed and answered

UNUSUAL = {
    "CONNECT": (build("CONNECT photos.test:443 HTTP/1.1"), [405, NEXT_REQUEST]),
    "OPTIONS *": (build("OPTIONS * HTTP/1.1"), [405, NEXT_REQUEST]),
    "GET *": (build("GET * HTTP/1.1"), [404, NEXT_REQUEST]),
    "TRACE": (build(f"TRACE {LINK} HTTP/1.1", "Cookie: secret\r\n"), [405, NEXT_REQUEST]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", [400]),
    "HTTP/0.9": (b"GET /\r\n", [400]),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n", [400]),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", [400]),
    "websocket": (
        build(f"GET {LINK} HTTP/1.1", UPGRADE + "Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n"),
        [200, NEXT_REQUEST],
    ),
    "h2c": (
        build(f"GET {UNKNOWN} HTTP/1.1", UPGRADE + "Upgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
        [404, NEXT_REQUEST],
    ),
    "Expect": (build(f"GET {UNKNOWN} HTTP/1.1", "Expect: 100-continue\r\n"), [100, 404, NEXT_REQUEST]),
    "Expect with a body": (
        build("POST / HTTP/1.1", sized(b"hello", "Expect: 100-continue\r\n"), b"hello"),
        [100, 405, NEXT_REQUEST],
    ),
    "gzip": (build("POST / HTTP/1.1", sized(ZIPPED, FORM + CODED), ZIPPED), [405, NEXT_REQUEST]),
    "bomb": (build("GET / HTTP/1.1", sized(BOMB, FORM + CODED), BOMB), [400, NEXT_REQUEST]),
    "form": (build("POST / HTTP/1.1", sized(b"a=b&" * 99, FORM), b"a=b&" * 99), [405, NEXT_REQUEST]),
    "body above the limit": (build("POST / HTTP/1.1", "Content-Length: 99999999999\r\n"), [400]),
    "another host": (b"GET http://evil.test/ HTTP/1.1\r\nHost: h\r\n\r\n", [200, NEXT_REQUEST]),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", [400]),
    "two hosts": (build("GET / HTTP/1.1", "Host: g\r\n"), [400]),
    "2,000 arguments": (build("GET /?" + "&".join(f"a{n}" for n in range(2000)) + " HTTP/1.1"), [400]),
    "10,000 arguments": (build("GET /?" + "&".join(f"a{n}" for n in range(10_000)) + " HTTP/1.1"), [431]),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), UNUSUAL.values(), ids=UNUSUAL.keys())
def test_unusual_request_returns_status(server: Server, sent: bytes, expected: list[int]) -> None:
    assert statuses(server, sent) == expected


def test_status_line_is_the_same_for_every_404(photos: Photos) -> None:
    """Unsigned, unknown and invalid links return the same status line as well."""
    with running_server(photos.root, env={"ARCHIVER_LINK_SECRET": "0123456789abcdef"}) as server:
        received = {
            exchange(server.port, build(f"GET {path} HTTP/1.1", CLOSE), IDLE_TIMEOUT_S).received
            for path in (LINK, UNKNOWN, "/archive/..")
        }
        assert {response.split(b"\r\n")[0] for response in received} == {b"HTTP/1.1 404 Not Found"}


@pytest.mark.parametrize(
    "sent",
    [
        build("GET / HTTP/1.1", f"Referer: http://h{LINK}\x01\r\n"),
        build("GET / HTTP/1.1", f"Host: {ALBUM}\r\n"),
        build("POST / HTTP/1.1", f"Content-Length: {ALBUM}\r\n"),
        build(f"GET {LINK} HTTP/1.1 HTTP/1.1"),
        build(f"GET http://h{LINK} HTTP/1.1"),
        build(f"GET {LINK}?{ALBUM} HTTP/1.1"),
        build(f"GET {ALBUM} HTTP/1.1"),
        build(f"GET %2Farchive%2F{ALBUM} HTTP/1.1"),
    ],
)
def test_malformed_request_does_not_log_a_hash(server: Server, sent: bytes) -> None:
    line = "GET /archive/5f2c1e…/ 404"
    seen = server.log().count(line)
    exchange(server.port, sent + LAST_REQUEST, IDLE_TIMEOUT_S)
    exchange(server.port, build(f"GET {UNKNOWN} HTTP/1.1", CLOSE), IDLE_TIMEOUT_S)
    assert eventually(lambda: server.log().count(line) > seen)
    assert ALBUM[6:] not in server.log()


@pytest.mark.parametrize("length", ["1MiB"])
def test_many_arguments_cost_little(photos: Photos, length: str) -> None:
    """Send header sections of the maximum size with many arguments."""
    with running_server(photos.root, "--max-header-size", length) as server:
        before = cpu_s(server)
        for _ in range(10):
            sent = build("GET /?" + "&".join(f"argument{number}=x" for number in range(50_000)) + " HTTP/1.1")
            assert statuses(server, sent) == [400]
        assert cpu_s(server) - before < 2


def cpu_s(server: Server) -> float:
    times = server.worker.cpu_times()
    return times.user + times.system


def test_many_ranges_cost_no_more_than_none(server: Server) -> None:
    plain, many = processor_seconds(server, 500, ""), processor_seconds(server, 500, MANY)
    assert many < 3 * plain + 0.5


def test_many_ranges_return_the_whole_archive(server: Server) -> None:
    whole = exchange(server.port, build(f"GET {LINK} HTTP/1.1", CLOSE), IDLE_TIMEOUT_S).received
    many = exchange(server.port, build(f"GET {LINK} HTTP/1.1", CLOSE + MANY), IDLE_TIMEOUT_S).received
    assert many.startswith(b"HTTP/1.1 200 OK\r\n")
    assert many.partition(b"\r\n\r\n")[2] == whole.partition(b"\r\n\r\n")[2]


def test_overlapping_ranges_do_not_multiply_the_body(server: Server) -> None:
    """Request the maximum number of ranges that the service honours."""
    overlapping = ",".join(["0-"] * 10)
    sent = build(f"HEAD /archive/{LARGE}/ HTTP/1.1") + build(
        f"GET {LINK} HTTP/1.1", f"Range: bytes={overlapping}\r\n"
    )
    sizes = re.findall(
        rb"Content-Length: (\d+)", exchange(server.port, sent + LAST_REQUEST, IDLE_TIMEOUT_S).received
    )
    assert int(sizes[1]) < int(sizes[0])
