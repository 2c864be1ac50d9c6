"""What a link answers: every head, every refusal, over real sockets."""

import asyncio
import dataclasses
import io
import logging
import re
import shutil
import tarfile
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.ioloop import IOLoop

from tests.servers import contents_of_zip, eventually, tool
from tests.web.visitors import BROWSER, Answer, ask, linked_noise, request
from tornado_archiver.assembly import make_service
from tornado_archiver.errors import PackingError, SourceUnreadableError
from tornado_archiver.local_storage import LocalStorage
from tornado_archiver.manifest import Manifest
from tornado_archiver.selection import Selection
from tornado_archiver.settings import Settings
from tornado_archiver.storage import Storage
from tornado_archiver.testing.footprint import bytes_read
from tornado_archiver.web.app import ArchiverApplication

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
]

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
SHORT_LIVED = "Connection: close\r\n"
# of each backend: what a link to an archive of it gives
MEDIA_TYPES = {
    "stored-zip": "application/zip",
    "tar": "application/x-tar",
    "zip": "application/zip",
    "tar.gz": "application/gzip",
}
SUFFIXES = {"stored-zip": ".zip", "tar": ".tar", "zip": ".zip", "tar.gz": ".tar.gz"}
KNOWN_LENGTH = ("stored-zip", "tar")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """One album, and around it what a link must not reach."""
    root = tmp_path / "photos"
    for directory in (root / ALBUM, root / ".hidden", tmp_path / "outside"):
        directory.mkdir(parents=True)
        (directory / "1.jpg").write_bytes(b"a picture")
    (root / "empty").mkdir()
    (root / "litter").mkdir()
    (root / "litter" / "Thumbs.db").touch()
    (root / "file").write_bytes(b"a file")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "link").symlink_to(ALBUM)
    (root / "nowhere").symlink_to("nothing")
    return root


@pytest.fixture(params=MEDIA_TYPES)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "zip":
        tool("zip")
    return name


@pytest.fixture
def settings() -> dict[str, Any]:
    """Settings beyond the photos directory and the backend; tests override it."""
    return {}


@pytest.fixture
def storage(request: pytest.FixtureRequest, photos: Path) -> Storage | None:
    """What stands in for the photos directory, made by the parameter of a test that wants one."""
    make = getattr(request, "param", None)
    return make(photos) if make else None


@pytest.fixture
def app(
    io_loop: IOLoop, photos: Path, backend: str, settings: dict[str, Any], storage: Storage | None
) -> ArchiverApplication:
    wanted = Settings(photos_dir=photos, backend=backend, **settings)
    service = io_loop.run_sync(lambda: make_service(wanted))
    if storage is not None:
        service = dataclasses.replace(service, storage=storage)
    return ArchiverApplication(service, demo_url=None, upstream="http://127.0.0.1:7777")


async def get(client: AsyncHTTPClient, url: str, **options: Any) -> HTTPResponse:
    """The answer, whatever its status."""
    return await client.fetch(HTTPRequest(url, request_timeout=60, **options), raise_error=False)


def head_of(answer: HTTPResponse) -> dict[str, str]:
    """Without what says when it was sent and how it is delimited."""
    head = dict(answer.headers.get_all())
    for name in ("Date", "X-Request-Id", "Transfer-Encoding", "Connection"):
        head.pop(name, None)
    return head


# The archive


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_link_gives_the_directory_as_a_download(
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
        "Cache-Control": "private, no-transform",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes" if backend in KNOWN_LENGTH else "none",
    }
    assert members(answer.body, backend) == {"1.jpg": b"a picture"}


def members(body: bytes, backend: str) -> dict[str, bytes]:
    if SUFFIXES[backend] == ".zip":
        return contents_of_zip(io.BytesIO(body))
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = {member.name: opened.extractfile(member) for member in opened if member.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}


async def test_head_tells_what_get_would(http_client: AsyncHTTPClient, base_url: str, backend: str) -> None:
    url = f"{base_url}/archive/{ALBUM}/"
    head, whole = await get(http_client, url, method="HEAD"), await get(http_client, url)
    assert head.code == 200
    assert head_of(head) == head_of(whole)
    # where the length is not known, 0 would be a lie
    length = str(len(whole.body)) if backend in KNOWN_LENGTH else None
    assert head.headers.get("Content-Length") == length


async def test_head_packs_nothing(base_url: str, photos: Path) -> None:
    """The second answer comes when all is done that the first one asked for."""
    linked_noise(photos / "large", files=64, size=1024 * 1024)
    two = request("/archive/large/", method="HEAD") + request("/", headers=SHORT_LIVED)
    read_before, servers_of_others = bytes_read(), set(psutil.Process().children())
    head = await ask(base_url, two)
    assert head.status == 200
    assert head.body.startswith(b"HTTP/1.1 200 OK\r\n")
    assert bytes_read() - read_before < 8 * 1024 * 1024
    assert not set(psutil.Process().children()) - servers_of_others


async def test_a_keep_alive_connection_serves_an_archive_after_a_head(base_url: str) -> None:
    """What HEAD leaves on the connection is nothing, so the next answer starts where it should."""
    link = f"/archive/{ALBUM}/"
    answer = await ask(base_url, request(link, method="HEAD") + request(link, headers=SHORT_LIVED))
    assert answer.body.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("backend", ["zip", "tar.gz"])
@pytest.mark.parametrize("headers", ["", "Connection: keep-alive\r\n"], ids=["plain", "keep-alive"])
@pytest.mark.parametrize("version", ["1.0", "1.2"])
async def test_the_end_of_an_archive_is_seen_by_a_client_of_another_version(
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
            {"download_name": 'Вы "1"'},
            "attachment; filename=\"__ _1_{suffix}\"; filename*=UTF-8''%D0%92%D1%8B%20%221%22{suffix}",
        ),
    ],
    ids=["ascii", "other"],
)
async def test_the_download_is_named_after_the_template(
    http_client: AsyncHTTPClient, base_url: str, backend: str, expected: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/", method="HEAD")
    assert answer.headers["Content-Disposition"] == expected.format(suffix=SUFFIXES[backend])


# ?format=


@pytest.mark.parametrize("settings", [{"formats": tuple(MEDIA_TYPES)}], ids=["all"])
@pytest.mark.parametrize("wanted", MEDIA_TYPES)
async def test_a_link_may_ask_for_any_format_offered(
    http_client: AsyncHTTPClient, base_url: str, wanted: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/?format={wanted}")
    assert answer.headers["Content-Type"] == MEDIA_TYPES[wanted]
    assert members(answer.body, wanted) == {"1.jpg": b"a picture"}


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("wanted", ["zip", "rar", "", "TAR.GZ", "%3Cscript%3E", "zip%00"])
async def test_another_format_is_refused_with_those_offered(
    http_client: AsyncHTTPClient, base_url: str, wanted: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/?format={wanted}")
    assert answer.code == 400
    assert b"Formats to choose from: tar.gz. " in answer.body
    for echoed in (b"zip", b"rar", b"TAR", b"script"):
        assert echoed not in answer.body


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_a_format_that_is_no_text_is_refused(http_client: AsyncHTTPClient, base_url: str) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/?format=%ff")
    assert answer.code == 400
    assert answer.body.startswith(b"This link is not complete\n")


# What is not there

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
    "a file": "/archive/file/",
    "a link out": "/archive/out/",
    "a link within": "/archive/link/",
    "a link to nothing": "/archive/nowhere/",
    "empty": "/archive/empty/",
    "nothing to pack in it": "/archive/litter/",
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
async def test_whatever_is_not_there_looks_like_an_unknown_hash(base_url: str, path: str) -> None:
    """Byte for byte: an answer that differed would tell what is on the disk."""
    for accept in (f"Accept: {BROWSER}\r\n", "Accept: */*\r\n", ""):
        unknown = await ask(base_url, request("/archive/unknown/", headers=accept + SHORT_LIVED))
        assert unknown.status == 404
        assert await ask(base_url, request(path, headers=accept + SHORT_LIVED)) == unknown


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_a_missing_archive_is_a_page_for_browsers_and_text_for_others(base_url: str) -> None:
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
@pytest.mark.parametrize(("name", "status"), [("link", 200), ("out", 404), ("nowhere", 404)])
async def test_followed_links_still_end_at_the_photos_root(
    http_client: AsyncHTTPClient, base_url: str, name: str, status: int
) -> None:
    assert (await get(http_client, f"{base_url}/archive/{name}/")).code == status


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_head_of_what_is_not_there(http_client: AsyncHTTPClient, base_url: str) -> None:
    url = f"{base_url}/archive/unknown/"
    head, whole = await get(http_client, url, method="HEAD"), await get(http_client, url)
    assert (head.code, head_of(head), head.body) == (404, head_of(whole), b"")


# What else can be asked


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("path", ["/", f"/archive/{ALBUM}/", "/archive/unknown/", "/nothing"])
@pytest.mark.parametrize("method", "POST PUT DELETE PATCH OPTIONS TRACE PROPFIND BREW get".split())
async def test_other_methods_are_refused(base_url: str, method: str, path: str) -> None:
    answer = await ask(base_url, request(path, method=method, headers=SHORT_LIVED))
    assert answer.status == 405
    assert "Allow: GET, HEAD" in answer.headers
    assert answer.body.startswith(b"An archive can only be downloaded\n")


@pytest.mark.parametrize("backend", ["tar"])
@pytest.mark.parametrize("start", ["http://photos.test", "HTTPS://other.test:8080"])
@pytest.mark.parametrize("path", ["", "/", f"/archive/{ALBUM}", f"/archive/{ALBUM}/?format=tar"])
async def test_an_absolute_target_is_answered_as_its_path(base_url: str, start: str, path: str) -> None:
    """RFC 9112 3.2.2."""
    usual = await ask(base_url, request(path or "/", headers=SHORT_LIVED))
    assert usual.status == 200
    assert await ask(base_url, request(start + path, headers=SHORT_LIVED)) == usual


async def test_a_body_with_the_request_does_no_harm(base_url: str, backend: str) -> None:
    asked = request(f"/archive/{ALBUM}/", version="1.0", headers="Content-Length: 4\r\n") + b"body"
    answer = await ask(base_url, asked)
    assert members(answer.body, backend) == {"1.jpg": b"a picture"}


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_the_home_page_names_no_album(http_client: AsyncHTTPClient, base_url: str) -> None:
    answer = await get(http_client, f"{base_url}/", headers={"Accept": BROWSER})
    assert answer.code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"{base_url}/archive/&lt;hash&gt;/".encode() in answer.body
    assert ALBUM.encode() not in answer.body
    assert b'href="archive/' not in answer.body


# When something is wrong on our side


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_without_the_photos_root_it_is_unavailable_for_now(
    http_client: AsyncHTTPClient, base_url: str, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(photos)
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/")
    assert answer.code == 503
    assert answer.body.startswith(b"Archives are not available right now\n")
    assert "the photos directory cannot be read: No such file or directory" in caplog.text


class Failing(Storage):
    """Fails with the hash in the text."""

    def __init__(self, kind: type[Exception], photos: Path) -> None:
        self._kind = kind

    async def manifest(self, source_hash: str) -> Manifest:
        raise self._kind(f"secret text about /srv/photos/{source_hash}")


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize(
    "storage",
    [partial(Failing, kind) for kind in (SourceUnreadableError, PackingError, RuntimeError, OSError)],
    ids=["unreadable", "packing", "bug", "system"],
    indirect=True,
)
@pytest.mark.parametrize("accept", [BROWSER, "*/*"], ids=["browser", "script"])
async def test_a_failure_tells_the_visitor_nothing_and_the_log_all(
    base_url: str, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = request(f"/archive/{ALBUM}/", headers=f"Accept: {accept}\r\n{SHORT_LIVED}")
    answer = await ask(base_url, asked)
    assert answer.status == 500
    assert b"This archive could not be packed" in answer.body
    assert not leaks(answer)
    assert "secret text" in caplog.text
    assert ALBUM[:6] in caplog.text


def leaks(answer: Answer) -> list[str]:
    """What in an answer comes from inside."""
    told = "\n".join(answer.headers) + answer.body.decode()
    return re.findall(rf"secret|Traceback|Error\b(?! 500)|/srv|\.py\b|{ALBUM}", told)


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("storage", [partial(Failing, RuntimeError)], ids=["bug"], indirect=True)
@pytest.mark.parametrize("written", [ALBUM, "%35" + ALBUM[1:]], ids=["plain", "encoded"])
async def test_the_log_of_a_failure_keeps_the_hash_to_itself(
    base_url: str, written: str, caplog: pytest.LogCaptureFixture
) -> None:
    await ask(base_url, request(f"/archive/{written}/", headers=SHORT_LIVED))
    assert "Traceback" in caplog.text
    assert ALBUM[6:] not in caplog.text


class Slow(Storage):
    """Says when it is asked, and answers when it is told to."""

    def __init__(self, photos: Path) -> None:
        self._storage = LocalStorage(photos, Selection())
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def manifest(self, source_hash: str) -> Manifest:
        self.asked.set()
        await self.go_on.wait()
        return await self._storage.manifest(source_hash)


@pytest.mark.parametrize("storage", [Slow], indirect=True)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_visitor_who_leaves_before_the_answer_is_no_failure(
    base_url: str, storage: Slow, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    address = urlsplit(base_url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request(f"/archive/{ALBUM}/", method=method))
    await storage.asked.wait()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.1)  # for the server to see it go
    storage.go_on.set()
    assert await asyncio.to_thread(eventually, lambda: told(caplog))
    assert [record.levelname for record in told(caplog)] == ["INFO"]
    assert " left" in caplog.text


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """By the service: in Python's development mode asyncio tells of whatever takes longer than 0.1 s."""
    return [record for record in caplog.records if record.name.startswith("tornado_archiver")]
