"""Links to what is not there: all look alike, and nothing outside is reached."""

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.helpers.raw_clients import BROWSER, ask, request
from tests.integration.archive_link.responses import ALBUM, SHORT_LIVED, get, head_of

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
]

NOT_THERE = {
    "itself encoded twice": "/archive/%2535f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60/",
    "parent": "/archive/../",
    "parent without slash": "/archive/..",
    "parent encoded": "/archive/%2e%2e/",
    "parent half encoded": "/archive/.%2E/",
    "out and in again": f"/archive/../photos/{ALBUM}/",
    "root": "/archive/./",
    "below root": f"/archive/./{ALBUM}/",
    "slash encoded": "/archive/%2f",
    "slash and album": f"/archive/%2f{ALBUM}/",
    "up with slash encoded": "/archive/%2F..",
    "into the album": f"/archive/{ALBUM}%2F1.jpg",
    "backslash": "/archive/%5c",
    "up with backslash": "/archive/..%5coutside/",
    "NUL": "/archive/%00/",
    "NUL at the end": f"/archive/{ALBUM}%00/",
    "newline": f"/archive/{ALBUM}%0A",
    "broken encoding": "/archive/%/",
    "not UTF-8": "/archive/%ff/",
    "not UTF-8 and not encoded": "/archive/\xff/",
    "over-long": f"/archive/{'a' * 256}/",
    "longest name": f"/archive/{'a' * 255}/",
    "a path as long as it gets": f"/archive/{'a/' * 20_000}",
    "hidden": "/archive/.hidden/",
    "recycle bin": "/archive/%23recycle/",
    "deleted": "/archive/%23recycle%2Fdeleted/",
    "thumbnails in another case": "/archive/@EADIR/",
    "what a file system found": "/archive/lost+found/",
    "recycle bin of Windows": "/archive/%24RECYCLE.BIN/",
    "a file": "/archive/file/",
    "a link out": "/archive/out/",
    "a link within": "/archive/link/",
    "a link to nothing": "/archive/nowhere/",
    "empty": "/archive/empty/",
    "nothing to pack in it": "/archive/junk/",
    "no hash": "/archive/",
    "no hash nor slash": "/archive",
    "two slashes": "/archive//",
    "slash before": f"/archive//{ALBUM}/",
    "slash after": f"/archive/{ALBUM}//",
    "something after": f"/archive/{ALBUM}/1.jpg",
    "parameter": f"/archive/{ALBUM};x/",
    "other case": f"/archive/{ALBUM.upper()}/",
    "other prefix": f"/Archive/{ALBUM}/",
    "no prefix": f"/{ALBUM}/",
    "another address": "/favicon.ico",
    "two slashes at the start": f"//archive/{ALBUM}/",
}


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("path", NOT_THERE.values(), ids=NOT_THERE.keys())
async def test_missing_archive_returns_the_404_of_an_unknown_hash(base_url: str, path: str) -> None:
    """Byte for byte: a different response would reveal what is on the disk."""
    for accept in (f"Accept: {BROWSER}\r\n", "Accept: */*\r\n", ""):
        unknown = await ask(base_url, request("/archive/unknown/", headers=accept + SHORT_LIVED))
        assert unknown.status == 404
        assert await ask(base_url, request(path, headers=accept + SHORT_LIVED)) == unknown


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_missing_archive_returns_html_to_browsers_and_text_to_others(base_url: str) -> None:
    path = "/archive/unknown/"
    page = await ask(base_url, request(path, headers=f"Accept: {BROWSER}\r\n{SHORT_LIVED}"))
    text = await ask(base_url, request(path, headers=SHORT_LIVED))
    assert "Content-Type: text/html; charset=utf-8" in page.headers
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert "Content-Type: text/plain; charset=utf-8" in text.headers
    assert text.body.startswith(b"This archive does not exist or was removed\n")
    for answer in (page, text):
        assert {"Cache-Control: no-store", "Vary: Accept"} <= set(answer.headers)
        assert not [header for header in answer.headers if header.startswith("Server:")]


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("settings", [{"follow_symlinks": True}])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("link", 200),
        ("out", 404),
        ("nowhere", 404),
        ("to-hidden", 404),
        ("to-junk", 404),
        ("into-junk", 404),
    ],
)
async def test_followed_symlink_outside_the_photos_root_returns_404(
    http_client: AsyncHTTPClient, base_url: str, name: str, status: int
) -> None:
    assert (await get(http_client, f"{base_url}/archive/{name}/")).code == status


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize(
    "settings", [{"include_hidden": True, "include_junk": True, "follow_symlinks": True}]
)
@pytest.mark.parametrize(
    "name", [".hidden", "%23recycle", "@EADIR", "lost+found", "%24RECYCLE.BIN", "to-hidden", "into-junk"]
)
async def test_junk_directory_returns_404_with_every_setting(
    http_client: AsyncHTTPClient, base_url: str, name: str
) -> None:
    """On a NAS it holds every deleted album under its hash."""
    assert (await get(http_client, f"{base_url}/archive/{name}/")).code == 404


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_head_of_missing_archive_has_the_headers_of_get(
    http_client: AsyncHTTPClient, base_url: str
) -> None:
    url = f"{base_url}/archive/unknown/"
    head, whole = await get(http_client, url, method="HEAD"), await get(http_client, url)
    assert (head.code, head_of(head), head.body) == (404, head_of(whole), b"")
