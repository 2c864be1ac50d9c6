"""Other requests: methods, absolute targets, bodies, the home page."""

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.helpers.raw_clients import BROWSER, ask, request
from tests.integration.archive_link.responses import ALBUM, SHORT_LIVED, get, members

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
]


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("path", ["/", f"/archive/{ALBUM}/", "/archive/unknown/", "/nothing"])
@pytest.mark.parametrize("method", "POST PUT DELETE PATCH OPTIONS TRACE PROPFIND BREW get".split())
async def test_unsupported_method_returns_405(base_url: str, method: str, path: str) -> None:
    answer = await ask(base_url, request(path, method=method, headers=SHORT_LIVED))
    assert answer.status == 405
    assert "Allow: GET, HEAD" in answer.headers
    assert answer.body.startswith(b"An archive can only be downloaded\n")


@pytest.mark.parametrize("backend", ["tar"])
@pytest.mark.parametrize("start", ["http://photos.test", "HTTPS://other.test:8080"])
@pytest.mark.parametrize("path", ["", "/", f"/archive/{ALBUM}", f"/archive/{ALBUM}/?format=tar"])
async def test_absolute_form_target_is_handled_as_its_path(base_url: str, start: str, path: str) -> None:
    """RFC 9112 3.2.2."""
    usual = await ask(base_url, request(path or "/", headers=SHORT_LIVED))
    assert usual.status == 200
    assert await ask(base_url, request(start + path, headers=SHORT_LIVED)) == usual


async def test_request_body_is_ignored(base_url: str, backend: str) -> None:
    asked = request(f"/archive/{ALBUM}/", version="1.0", headers="Content-Length: 4\r\n") + b"body"
    answer = await ask(base_url, asked)
    assert members(answer.body, backend) == {"1.jpg": b"a picture"}


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_home_page_does_not_list_albums(http_client: AsyncHTTPClient, base_url: str) -> None:
    answer = await get(http_client, f"{base_url}/", headers={"Accept": BROWSER})
    assert answer.code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"{base_url}/archive/&lt;hash&gt;/".encode() in answer.body
    assert ALBUM.encode() not in answer.body
    assert b'href="archive/' not in answer.body
