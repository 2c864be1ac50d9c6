"""Limits of a request: its header section, and the time that it takes to arrive."""

# ruff: noqa: F811 - a fixture and the argument of a test have the same name

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.raw_clients import open_request, parsed, rest_of
from tests.helpers.servers import Server, running_server
from tests.integration.test_limits import LINK, SMALL, asked, photos  # noqa: F401


@pytest.fixture(scope="module")
def strict_server(photos: Path) -> Iterator[Server]:
    with running_server(photos, "--idle-timeout", "2s", "--max-header-size", "4KiB") as server:
        yield server


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: photos.test\r\nX: "])
def test_incomplete_request_is_closed_after_the_idle_timeout(strict_server: Server, data: bytes) -> None:
    with open_request(strict_server, data) as client:
        assert rest_of(client) == b""


def test_idle_keep_alive_connection_is_closed(strict_server: Server) -> None:
    with open_request(strict_server, SMALL) as client:
        assert parsed(rest_of(client)).status == 200


@pytest.mark.parametrize("path", ["/" + "a" * 5000, LINK + "?" + "a" * 5000])
def test_oversized_header_returns_431(strict_server: Server, path: str) -> None:
    for asked_for, headers in ((path, ""), (SMALL, f"X-Long: {'a' * 12_000}\r\n")):
        with open_request(strict_server, asked_for, headers=headers) as client:
            answer = parsed(rest_of(client))
            assert (answer.status, answer.headers) == (431, ("X-Robots-Tag: noindex, nofollow",))
    assert asked(strict_server, SMALL).status == 200


MALFORMED = {
    "no host": f"GET {SMALL} HTTP/1.1\r\n\r\n",
    "two hosts": f"GET {SMALL} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no colon": f"GET {SMALL} HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "many arguments": f"GET {SMALL}?{'a&' * 1500} HTTP/1.1\r\nHost: a\r\n\r\n",
    "long body": f"GET {SMALL} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_request_returns_400_and_is_not_indexed(strict_server: Server, data: str) -> None:
    with open_request(strict_server, data.encode()) as client:
        answer = parsed(rest_of(client))
    assert (answer.status, answer.headers, answer.body) == (400, ("X-Robots-Tag: noindex, nofollow",), b"")


def test_long_line_in_a_body_does_not_return_431(strict_server: Server) -> None:
    data = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 500
    with open_request(strict_server, data) as client:
        assert b" 431 " not in rest_of(client)
