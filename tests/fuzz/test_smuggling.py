"""Ambiguous requests, whose end two parsers could see in different places."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.raw_connection import exchange
from tests.fuzz.strict_parser import parse_responses
from tests.helpers.proxies import nginx
from tests.helpers.raw_clients import linked_noise
from tests.helpers.servers import Server, eventually, fetch, running_server

HIDDEN = b"GET /archive/smuggled/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN
SIZE = str(len(HIDDEN))

# Header lines after Host, and the data after the header section
AMBIGUOUS = {
    "both": (f"Content-Length: {len(CHUNKED)}\r\nTransfer-Encoding: chunked", CHUNKED),
    "both, the other way": (f"Transfer-Encoding: chunked\r\nContent-Length: {len(CHUNKED)}", CHUNKED),
    "both, short": ("Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKED),
    "two lengths": (f"Content-Length: 0\r\nContent-Length: {SIZE}", HIDDEN),
    "two lengths in one": (f"Content-Length: 0, {SIZE}", HIDDEN),
    "plus": (f"Content-Length: +{SIZE}", HIDDEN),
    "hexadecimal": ("Content-Length: 0x0", HIDDEN),
    "negative": ("Content-Length: -1", HIDDEN),
    "blank before the colon": (f"Content-Length : {SIZE}", HIDDEN),
    "unknown coding": ("Transfer-Encoding: xchunked", CHUNKED),
    "coding after coding": ("Transfer-Encoding: chunked, identity", CHUNKED),
    "two codings": ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", CHUNKED),
    "vertical tab": ("Transfer-Encoding: \x0bchunked", CHUNKED),
    "coding before the colon": ("Transfer-Encoding : chunked", CHUNKED),
    "folded": (f"X: x\r\n Content-Length: {SIZE}", HIDDEN),
    "folded coding": ("Transfer-Encoding:\r\n chunked", CHUNKED),
    "return in a value": (f"X: x\rContent-Length: {SIZE}", HIDDEN),
    "NUL": ("Transfer-Encoding: chunked\x00", CHUNKED),
    "negative chunk": ("Transfer-Encoding: chunked", b"-1\r\n" + CHUNKED),
    "large chunk": ("Transfer-Encoding: chunked", b"10000000000000000\r\n" + CHUNKED),
    "bare newline in a chunk": ("Transfer-Encoding: chunked", b"0\n\n" + HIDDEN),
    "chunk extension": ("Transfer-Encoding: chunked", b"0;\n" + HIDDEN),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=2, size=1000)
    with running_server(root, "--enable-logging") as server:
        yield server


@pytest.fixture(scope="module")
def nginx_port(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with nginx([server.port], tmp_path_factory.mktemp("nginx")) as port:
        yield port


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("headers", "body"), AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_request_returns_400(server: Server, method: str, headers: str, body: bytes) -> None:
    assert statuses(server.port, method, headers, body) == [400]


@pytest.mark.parametrize(("headers", "body"), AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_request_behind_nginx_has_one_meaning(
    server: Server, nginx_port: int, headers: str, body: bytes
) -> None:
    """nginx rejects the request, or forwards it with one meaning. If it finds a second request, for example
    after chunks that end in bare newlines, it responds to that as well."""
    before = server.log().count("smuggl")
    received = statuses(nginx_port, "GET", headers, body)
    assert received in ([400], [200], [200, 404], [501]), received
    seen = server.log().count("GET /archive/album/ 200")
    fetch(nginx_port, "/archive/album/")
    assert eventually(lambda: server.log().count("GET /archive/album/ 200") > seen)
    assert server.log().count("smuggl") - before == received.count(404)


def statuses(port: int, method: str, headers: str, body: bytes) -> list[int]:
    """Return the statuses of all responses, including one to the hidden request if it is parsed."""
    head = f"{method} /archive/album/ HTTP/1.1\r\nHost: h\r\n{headers}\r\n\r\n".encode("latin-1")
    return [
        response.status
        for response in parse_responses(
            exchange(port, head + body, idle_timeout_s=5).received, has_head_requests=False
        )
    ]


def test_hidden_request_would_be_detected(server: Server, tmp_path: Path) -> None:
    assert statuses(server.port, "GET", "Content-Length: 0", HIDDEN) == [200, 404]
    assert statuses(server.port, "GET", f"Content-Length: {SIZE}", HIDDEN) == [200]
