"""Responses to archive links: headers and bodies of all formats, over real sockets."""

from pathlib import Path

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.helpers.raw_clients import ask, linked_noise, request
from tests.integration.archive_link.responses import (
    ALBUM,
    KNOWN_LENGTH,
    MEDIA_TYPES,
    SHORT_LIVED,
    SUFFIXES,
    get,
    head_of,
    members,
)
from tornado_archiver.testing.probes import bytes_read

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
]


# The archive


@pytest.mark.parametrize("slash", ["", "/"])
async def test_archive_link_downloads_the_directory(
    http_client: AsyncHTTPClient, base_url: str, backend: str, slash: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}{slash}")
    assert answer.code == 200
    head = head_of(answer)
    for name in ("Content-Length", "Etag", "Last-Modified"):
        assert (head.pop(name, None) is not None) == (backend in KNOWN_LENGTH)
    assert head == {
        "Content-Type": MEDIA_TYPES[backend],
        "Content-Disposition": f'attachment; filename="{ALBUM}{SUFFIXES[backend]}"',
        "X-Accel-Buffering": "no",
        "Cache-Control": "private, no-cache, no-transform",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes" if backend in KNOWN_LENGTH else "none",
    }
    assert members(answer.body, backend) == {"1.jpg": b"a picture"}


async def test_head_has_the_headers_of_get(http_client: AsyncHTTPClient, base_url: str, backend: str) -> None:
    url = f"{base_url}/archive/{ALBUM}/"
    head, whole = await get(http_client, url, method="HEAD"), await get(http_client, url)
    assert head.code == 200
    assert head_of(head) == head_of(whole)
    # where the length is not known, 0 would be a lie
    length = str(len(whole.body)) if backend in KNOWN_LENGTH else None
    assert head.headers.get("Content-Length") == length


async def test_head_does_not_pack(base_url: str, photos: Path) -> None:
    """The second answer comes when all is done that the first one asked for."""
    linked_noise(photos / "large", files=64, size=1024 * 1024)
    two = request("/archive/large/", method="HEAD") + request("/", headers=SHORT_LIVED)
    read_before, servers_of_others = bytes_read(), set(psutil.Process().children())
    head = await ask(base_url, two)
    assert head.status == 200
    assert head.body.startswith(b"HTTP/1.1 200 OK\r\n")
    assert bytes_read() - read_before < 8 * 1024 * 1024
    assert not set(psutil.Process().children()) - servers_of_others


async def test_keep_alive_connection_serves_an_archive_after_head(base_url: str) -> None:
    """HEAD leaves no body on the connection, so the next answer starts where it should."""
    link = f"/archive/{ALBUM}/"
    answer = await ask(base_url, request(link, method="HEAD") + request(link, headers=SHORT_LIVED))
    assert answer.body.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("backend", ["zip", "tar.gz"])
@pytest.mark.parametrize("headers", ["", "Connection: keep-alive\r\n"], ids=["plain", "keep-alive"])
@pytest.mark.parametrize("version", ["1.0", "1.2"])
async def test_archive_end_is_detected_by_client_of_other_http_version(
    base_url: str, backend: str, version: str, headers: str
) -> None:
    """Chunks are for HTTP/1.1 only: where the length is not known, the end of the connection is the end of
    the body, whether it was asked to stay or not."""
    answer = await ask(base_url, request(f"/archive/{ALBUM}/", version=version, headers=headers))
    assert answer.status == 200
    assert members(answer.body, backend) == {"1.jpg": b"a picture"}
    assert "Connection: Keep-Alive" not in answer.headers


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"download_name": "photos-{hash}"}, f'attachment; filename="photos-{ALBUM}{{suffix}}"'),
        (
            {"download_name": 'é "1"'},
            "attachment; filename=\"_ _1_{suffix}\"; filename*=UTF-8''%C3%A9%20%EF%BC%821%EF%BC%82{suffix}",
        ),
    ],
    ids=["ascii", "other"],
)
async def test_download_name_follows_the_template(
    http_client: AsyncHTTPClient, base_url: str, backend: str, expected: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/", method="HEAD")
    assert answer.headers["Content-Disposition"] == expected.format(suffix=SUFFIXES[backend])


# ?format=


@pytest.mark.parametrize("settings", [{"formats": tuple(MEDIA_TYPES)}], ids=["all"])
@pytest.mark.parametrize("wanted", MEDIA_TYPES)
async def test_format_argument_selects_any_offered_format(
    http_client: AsyncHTTPClient, base_url: str, wanted: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/?format={wanted}")
    assert answer.headers["Content-Type"] == MEDIA_TYPES[wanted]
    assert members(answer.body, wanted) == {"1.jpg": b"a picture"}


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("wanted", ["zip", "rar", "", "TAR.GZ", "%3Cscript%3E", "zip%00"])
async def test_unknown_format_returns_400_with_the_offered_formats(
    http_client: AsyncHTTPClient, base_url: str, wanted: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/?format={wanted}")
    assert answer.code == 400
    assert b"Available formats: .tar.gz. " in answer.body
    for echoed in (b"zip", b"rar", b"TAR", b"script"):
        assert echoed not in answer.body


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_format_that_is_not_utf8_returns_400(http_client: AsyncHTTPClient, base_url: str) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/?format=%ff")
    assert answer.code == 400
    assert answer.body.startswith(b"This link is not complete\n")
