"""Streaming archives: no ranges and no validators."""

from email.utils import formatdate

import pytest

from tests.integration.ranges.album import STREAMED, get, head_of

pytestmark = pytest.mark.gen_test(timeout=30)


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("backend", STREAMED, indirect=True)
async def test_streaming_archive_ignores_ranges(base_url: str) -> None:
    """The same head with and without a Range, up to the last chunk."""
    plain = await get(base_url)
    head = head_of(plain)
    assert head["Accept-Ranges"] == "none"
    assert not {"Etag", "Last-Modified", "Content-Length", "Content-Range"} & head.keys()
    for wanted in ("0-0", "99999999-", "0-0,2-2"):
        answer = await get(base_url, f"Range: bytes={wanted}\r\n")
        assert (answer.status, answer.headers) == (200, plain.headers)
        assert answer.body.endswith(b"\r\n0\r\n\r\n")
        assert len(answer.body) > 1_800_000


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("backend", STREAMED, indirect=True)
@pytest.mark.parametrize(
    "condition", ['If-None-Match: "a"', f"If-Modified-Since: {formatdate(4e9, usegmt=True)}"]
)
async def test_streaming_archive_has_no_validator(base_url: str, condition: str) -> None:
    assert (await get(base_url, condition + "\r\n")).status == 200
