"""Clients that could not detect an aborted archive, as the proxies declare in Via."""

import pytest

from tests.helpers.raw_clients import BROWSER, Answer, ask, request
from tests.integration.archive_link.responses import ALBUM, KNOWN_LENGTH, SHORT_LIVED, members

pytestmark = [
    pytest.mark.gen_test(timeout=30),
    pytest.mark.usefixtures("app", "http_server"),
]
UNKNOWN_LENGTH = pytest.mark.parametrize("backend", ["zip", "tar.gz"])
LINK = f"/archive/{ALBUM}/"


async def ask_via(base_url: str, *via: str, path: str = LINK, method: str = "GET", more: str = "") -> Answer:
    """The response to a request with a Via line for each value."""
    lines = "".join(f"Via: {value}\r\n" for value in via)
    return await ask(base_url, request(path, method=method, headers=lines + more + SHORT_LIVED))


@UNKNOWN_LENGTH
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "via",
    [
        ["1.0 nginx"],
        ["HTTP/1.0 nginx"],
        ["http/1.0 nginx"],
        ["HTTP/0.9 nginx"],
        ["0.9 nginx"],
        ["1 nginx"],
        ["1.0 outer, 1.1 inner"],
        ["1.1 outer,1.0 inner"],
        ["2.0 outer", "HTTP/1.0 inner"],
        [", , 1.0\tinner (its version, and more)"],
        ["1.1 outer (of a client that sees it)", "1.0 inner"],
        ["1.1 never closed (", "1.0 inner"],
    ],
    ids=str,
)
async def test_streaming_archive_via_old_protocol_returns_505(
    base_url: str, via: list[str], method: str
) -> None:
    answer = await ask_via(base_url, *via, method=method)
    assert answer.status == 505
    assert "Cache-Control: no-store" in answer.headers
    assert answer.body.startswith(b"This archive cannot be sent" if method == "GET" else b"")


@UNKNOWN_LENGTH
@pytest.mark.parametrize(
    "via",
    [
        "",
        "1.1 nginx",
        "HTTP/1.1 nginx",
        "HTTP/1.2 nginx",
        "1.10 nginx",
        "10 nginx",
        "2 outer, 3.0 inner",
        "HTTP/2.0 nginx",
        "1.1 outer (1.0, 1.0 and older)",
        "SPDY/1.0 other",
        "rubbish",
        "(,)",
    ],
)
async def test_streaming_archive_via_current_protocol_is_sent(base_url: str, backend: str, via: str) -> None:
    answer = await ask_via(base_url, via)
    assert answer.status == 200
    assert answer.body.endswith(b"\r\n0\r\n\r\n")


@UNKNOWN_LENGTH
async def test_streaming_archive_to_http_1_0_proxy_with_newer_client_is_sent(
    base_url: str, backend: str
) -> None:
    """nginx uses it by default, and passes on the reset of a broken archive as what it is."""
    answer = await ask(base_url, request(LINK, version="1.0", headers="Via: 1.1 nginx\r\n"))
    assert members(answer.body, backend) == {"1.jpg": b"a picture"}


@pytest.mark.parametrize("backend", KNOWN_LENGTH)
@pytest.mark.parametrize("wanted", ["", "Range: bytes=0-\r\n", "Range: bytes=0-0,9-9\r\n"])
async def test_seekable_archive_via_any_protocol_is_sent(base_url: str, wanted: str) -> None:
    assert (await ask_via(base_url, "1.0 nginx", more=wanted)).status == (206 if wanted else 200)


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"formats": ("tar", "stored-zip", "zip")}, b"Formats that work: .tar, .zip."),
        ({"formats": ("zip",)}, b"hides errors."),
    ],
    ids=["some", "none"],
)
@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
async def test_old_protocol_page_lists_the_seekable_formats(
    base_url: str, expected: bytes, accept: str
) -> None:
    body = (await ask_via(base_url, "1.0 nginx", more=f"Accept: {accept}\r\n")).body
    assert expected in body
    assert (b"<html" in body) == (accept == BROWSER)


@UNKNOWN_LENGTH
async def test_unknown_link_via_old_protocol_returns_404(base_url: str) -> None:
    assert (await ask_via(base_url, "1.0 nginx", path="/archive/unknown/")).status == 404
