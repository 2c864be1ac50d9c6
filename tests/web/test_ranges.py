"""Parts of an archive, and archives that are still good: the same bytes whichever way they are sent."""

import asyncio
import email.message
import io
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from tests.servers import contents, contents_of_zip, fetch, running_server, tool
from tests.web.visitors import Answer, ask, parsed, request
from tornado_archiver.assembly import make_service
from tornado_archiver.chunks import as_bytes
from tornado_archiver.service import Service
from tornado_archiver.settings import Settings
from tornado_archiver.testing import trees
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.sendfile_stream import SendfileServer

pytestmark = pytest.mark.gen_test(timeout=30)

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
LINK = f"/archive/{ALBUM}/"
PLANNED = ("stored-zip", "tar")
STREAMED = ("zip", "tar.gz")
MEDIA_TYPES = {"stored-zip": "application/zip", "tar": "application/x-tar"}
WAYS = (HTTPServer, SendfileServer)
WAY_NAMES = ("plain", "sendfile")
DAY_S = 86_400


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album with a content of every kind: nothing, small, stored, and above `stored_threshold`."""
    root = tmp_path_factory.mktemp("photos")
    trees.write(root / ALBUM / "1.jpg", trees.noise(500_000, 1))
    trees.write(root / ALBUM / "2.jpg", trees.noise(1_300_000, 2))
    trees.write(root / ALBUM / "empty.txt", b"")
    trees.write(root / ALBUM / "small" / "Сумерки.txt", b"twilight")
    trees.write(root / ALBUM / "small" / "void.jpg", trees.noise(40_000, 3))
    return root


@pytest.fixture(params=PLANNED)
def backend(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture
def service(io_loop: IOLoop, photos: Path, backend: str) -> Service:
    if backend == "zip":
        tool("zip")
    settings = Settings(photos_dir=photos, backend=backend, stored_threshold=1_000_000)
    return cast(Service, io_loop.run_sync(lambda: make_service(settings)))


@pytest.fixture
def app(service: Service) -> ArchiverApplication:
    return ArchiverApplication(service, demo_url=None, upstream="")


@pytest.fixture(params=WAYS, ids=WAY_NAMES)
def http_server(
    request: pytest.FixtureRequest,
    io_loop: IOLoop,
    app: ArchiverApplication,
    _unused_port: tuple[object, int],
) -> Iterator[HTTPServer]:
    """In place of the plugin's own, which knows one way only."""
    server = request.param(app)
    server.add_socket(_unused_port[0])
    yield server
    server.stop()
    io_loop.run_sync(server.close_all_connections)


@pytest.fixture
def whole(io_loop: IOLoop, service: Service) -> bytes:
    """The archive, from its backend: nothing of HTTP has touched it."""

    async def packed() -> bytes:
        archive = await service.backends[0].open(await service.storage.manifest(ALBUM))
        return b"".join([as_bytes(chunk) async for chunk in archive.chunks()])

    return cast(bytes, io_loop.run_sync(packed))


async def get(base_url: str, headers: str = "", *, method: str = "GET") -> Answer:
    return await ask(base_url, request(LINK, method=method, headers=headers + "Connection: close\r\n"))


def head_of(answer: Answer) -> dict[str, str]:
    """By names as Tornado spells them."""
    return dict(header.split(": ", 1) for header in answer.headers)


# The whole


@pytest.mark.usefixtures("http_server")
async def test_an_archive_says_how_long_it_is_and_which(base_url: str, backend: str, whole: bytes) -> None:
    answer = await get(base_url)
    head = head_of(answer)
    assert re.fullmatch(r'"[0-9a-f]{32}"', head.pop("Etag")), "strong, and safe in any header"
    assert parsedate_to_datetime(head.pop("Last-Modified")) is not None
    suffix = {"stored-zip": "zip"}.get(backend, backend)
    assert (answer.status, head) == (
        200,
        {
            "Content-Type": MEDIA_TYPES[backend],
            "Content-Length": str(len(whole)),
            "Accept-Ranges": "bytes",
            "Content-Disposition": f'attachment; filename="{ALBUM}.{suffix}"',
            "Cache-Control": "private, no-transform",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        },
    )
    assert answer.body == whole


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("backend", ["stored-zip"], indirect=True)
async def test_what_comes_is_the_directory(base_url: str, photos: Path) -> None:
    assert contents_of_zip(io.BytesIO((await get(base_url)).body)) == contents(photos / ALBUM)


# One range


# Range without its unit -> what comes of an archive of n bytes: its first and its last position
RANGES: dict[str, Callable[[int], tuple[int, int]]] = {
    "0-0": lambda n: (0, 0),
    "0-": lambda n: (0, n - 1),
    "1-": lambda n: (1, n - 1),
    "29-31": lambda n: (29, 31),
    "300000-300099": lambda n: (300_000, 300_099),
    "400000-700000": lambda n: (400_000, 700_000),
    "600000-1700000": lambda n: (600_000, 1_700_000),
    "1000000-": lambda n: (1_000_000, n - 1),
    "1799999-1900001": lambda n: (1_799_999, n - 1 if n <= 1_900_001 else 1_900_001),
    "-1": lambda n: (n - 1, n - 1),
    "-22": lambda n: (n - 22, n - 1),
    "-100000": lambda n: (n - 100_000, n - 1),
    "-99999999": lambda n: (0, n - 1),
    "5-99999999": lambda n: (5, n - 1),
    "1-" + "9" * 40: lambda n: (1, n - 1),
}


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("wanted", RANGES)
async def test_one_range(base_url: str, backend: str, whole: bytes, wanted: str) -> None:
    first, last = RANGES[wanted](len(whole))
    answer = await get(base_url, f"Range: bytes={wanted}\r\n")
    head = head_of(answer)
    assert (answer.status, head["Content-Range"]) == (206, f"bytes {first}-{last}/{len(whole)}")
    assert (head["Content-Type"], head["Content-Length"]) == (MEDIA_TYPES[backend], str(last - first + 1))
    assert answer.body == whole[first : last + 1]
    assert without_range(head) == without_range(head_of(await get(base_url)))


def without_range(head: dict[str, str]) -> dict[str, str]:
    return {name: head[name] for name in head.keys() - {"Content-Range", "Content-Length"}}


@pytest.mark.usefixtures("http_server")
async def test_the_last_byte_by_its_number_and_none_behind_it(base_url: str, whole: bytes) -> None:
    n = len(whole)
    answer = await get(base_url, f"Range: bytes={n - 1}-{n - 1}\r\n")
    assert (answer.status, answer.body) == (206, whole[-1:])
    for wanted in (f"{n}-", f"{n}-{n}", f"{n + 5}-{n + 9}", "-0", "9" * 40 + "-"):
        answer = await get(base_url, f"Range: bytes={wanted}\r\n")
        assert answer.status == 416
        head = head_of(answer)
        assert (head["Content-Range"], head["Accept-Ranges"]) == (f"bytes */{n}", "bytes")
        assert head["Content-Length"] == str(len(answer.body))
        assert (head["Cache-Control"], "Content-Disposition" in head) == ("no-store", False)
        assert answer.body.decode().isprintable() or b"\n" in answer.body
        assert whole[:4] not in answer.body, "a text, nothing of the archive"


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    "field",
    [
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=x-y",
        "bytes=5-4",
        "bytes=0x1-2",
        "bytes=1-2-3",
        "bytes=0-0,x",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes:0-0",
        "items=0-0",
        "0-0",
    ],
)
async def test_a_malformed_range_gives_the_whole(base_url: str, whole: bytes, field: str) -> None:
    answer = await get(base_url, f"Range: {field}\r\n")
    assert (answer.status, answer.body == whole) == (200, True)
    assert "Content-Range" not in head_of(answer)


# Several ranges


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("0-0,2-2", [(0, 1), (2, 3)]),
        ("600000-1600000,0-9", [(600_000, 1_600_001), (0, 10)]),
        ("0-99,-100", [(0, 100), (-100, None)]),
        ("-1,0-0,-1", [(-1, None), (0, 1), (-1, None)]),
        ("0-9,99999999-,20-29", [(0, 10), (20, 30)]),
        (
            ",".join(f"{n * 1000}-{n * 1000 + 9}" for n in range(10)),
            [(n * 1000, n * 1000 + 10) for n in range(10)],
        ),
    ],
    ids=["bytes", "backwards", "suffix", "twice", "one does not exist", "ten"],
)
async def test_several_ranges_come_as_parts_in_the_order_asked_for(
    base_url: str, backend: str, whole: bytes, wanted: str, expected: list[tuple[int, int | None]]
) -> None:
    answer = await get(base_url, f"Range: bytes={wanted}\r\n")
    assert answer.status == 206
    assert head_of(answer)["Content-Length"] == str(len(answer.body))
    parts = parts_of(answer)
    assert [part.get_payload(decode=True) for part in parts] == [whole[slice(*pair)] for pair in expected]
    assert [str(part["Content-Range"]) for part in parts] == [
        f"bytes {start}-{stop - 1}/{len(whole)}"
        for start, stop, _ in (slice(*pair).indices(len(whole)) for pair in expected)
    ]
    assert {part.get_content_type() for part in parts} == {MEDIA_TYPES[backend]}


def parts_of(answer: Answer) -> list[email.message.Message]:
    head = head_of(answer)
    assert "Content-Range" not in head, "that stands in the parts"
    message = email.message_from_bytes(f"Content-Type: {head['Content-Type']}\r\n\r\n".encode() + answer.body)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    return cast(list[email.message.Message], message.get_payload())


@pytest.mark.usefixtures("http_server")
async def test_of_several_ranges_the_only_one_that_exists_comes_by_itself(
    base_url: str, whole: bytes
) -> None:
    answer = await get(base_url, "Range: bytes=5-9,99999999-\r\n")
    assert (answer.status, answer.body) == (206, whole[5:10])
    assert head_of(answer)["Content-Range"] == f"bytes 5-9/{len(whole)}"


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    "wanted", [",".join(["0-0"] * 11), "0-,0-", "0-1799000,0-1799000"], ids=["eleven", "twice", "overlap"]
)
async def test_more_than_is_reasonable_gives_the_whole(base_url: str, whole: bytes, wanted: str) -> None:
    answer = await get(base_url, f"Range: bytes={wanted}\r\n")
    assert (answer.status, answer.body == whole) == (200, True)


# Conditions. In the tables below {etag} and {date} are the archive's own, {later} and {earlier} a day off.


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ("{etag}", 206),
        ('"other"', 200),
        ("W/{etag}", 200),
        ("{etag}, {etag}", 200),
        ("*", 200),
        ("", 200),
        ("{date}", 206),
        ("{earlier}", 200),
        ("{later}", 200),
        ("tomorrow", 200),
    ],
)
async def test_a_range_of_an_archive_that_may_have_changed(
    base_url: str, whole: bytes, if_range: str, status: int
) -> None:
    field = await filled_in(base_url, f"If-Range: {if_range}\r\n")
    answer = await get(base_url, field + "Range: bytes=1000-1999\r\n")
    assert (answer.status, answer.body) == (status, whole if status == 200 else whole[1000:2000])


@pytest.mark.usefixtures("http_server")
async def test_if_range_without_a_range_is_nothing(base_url: str, whole: bytes) -> None:
    answer = await get(base_url, await filled_in(base_url, "If-Range: {etag}\r\n"))
    assert (answer.status, answer.body == whole) == (200, True)


CONDITIONS = {
    "If-None-Match: {etag}": 304,
    "If-None-Match: W/{etag}": 304,
    'If-None-Match: "a", {etag}': 304,
    "If-None-Match: *": 304,
    'If-None-Match: "other"': 200,
    "If-Modified-Since: {date}": 304,
    "If-Modified-Since: {later}": 304,
    "If-Modified-Since: {earlier}": 200,
    "If-Modified-Since: yesterday": 200,
    "If-Match: {etag}": 200,
    "If-Match: *": 200,
    'If-Match: "other"': 412,
    "If-Match: W/{etag}": 412,
    "If-Unmodified-Since: {date}": 200,
    "If-Unmodified-Since: {earlier}": 412,
    # RFC 9110 13.2.2, which of two counts
    'If-Match: "other"\r\nIf-None-Match: {etag}': 412,
    "If-Match: {etag}\r\nIf-None-Match: {etag}": 304,
    "If-Match: {etag}\r\nIf-Unmodified-Since: {earlier}": 200,
    'If-Match: "other"\r\nIf-Unmodified-Since: {date}': 412,
    "If-Unmodified-Since: {earlier}\r\nIf-None-Match: {etag}": 412,
    'If-None-Match: "other"\r\nIf-Modified-Since: {date}': 200,
    "If-None-Match: {etag}\r\nIf-Modified-Since: {earlier}": 304,
}


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("condition", CONDITIONS)
async def test_conditions(base_url: str, whole: bytes, condition: str) -> None:
    """HEAD and GET alike; a range is looked at only when the conditions hold."""
    status, fields = CONDITIONS[condition], await filled_in(base_url, condition + "\r\n")
    answer = await get(base_url, fields)
    assert answer.status == status
    assert_body_fits(answer, whole)
    head = await get(base_url, fields, method="HEAD")
    assert (head.status, head.headers, head.body) == (status, answer.headers, b"")
    for range_set, with_range in (("5-9", 206), ("99999999-", 416)):
        part = await get(base_url, f"{fields}Range: bytes={range_set}\r\n")
        assert part.status == (with_range if status == 200 else status)


def assert_body_fits(answer: Answer, whole: bytes) -> None:
    head = head_of(answer)
    if answer.status == 200:
        assert answer.body == whole
    else:
        assert whole[:4] not in answer.body
    if answer.status == 304:
        assert answer.body == b""
        assert {"Etag", "Last-Modified", "Cache-Control"} <= head.keys(), "what the 200 would have had"
        assert not {"Content-Length", "Content-Type", "Transfer-Encoding"} & head.keys()
    else:
        assert head["Content-Length"] == str(len(answer.body))


async def filled_in(base_url: str, fields: str) -> str:
    head = head_of(await get(base_url, method="HEAD"))
    changed_s = parsedate_to_datetime(head["Last-Modified"]).timestamp()
    return fields.format(
        etag=head["Etag"],
        date=head["Last-Modified"],
        earlier=formatdate(changed_s - DAY_S, usegmt=True),
        later=formatdate(changed_s + DAY_S, usegmt=True),
    )


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("wanted", ["0-0", "99999999-", "0-0,2-2"])
async def test_head_knows_no_ranges(base_url: str, whole: bytes, wanted: str) -> None:
    plain = await get(base_url, method="HEAD")
    assert (plain.status, head_of(plain)["Content-Length"], plain.body) == (200, str(len(whole)), b"")
    assert plain.headers == (await get(base_url)).headers
    assert await get(base_url, f"Range: bytes={wanted}\r\n", method="HEAD") == plain


# One connection, several requests

BEFORE = {
    "206": (request(LINK, headers="Range: bytes=100-1400000\r\n"), 206),
    "206 of parts": (request(LINK, headers="Range: bytes=0-9,700000-1500000\r\n"), 206),
    "304": (request(LINK, headers="If-None-Match: *\r\n"), 304),
    "412": (request(LINK, headers='If-Match: "other"\r\n'), 412),
    "416": (request(LINK, headers="Range: bytes=99999999-\r\n"), 416),
    "200": (request(LINK), 200),
    "HEAD": (request(LINK, method="HEAD"), 200),
    "HEAD 304": (request(LINK, method="HEAD", headers="If-None-Match: *\r\n"), 304),
    "HEAD 412": (request(LINK, method="HEAD", headers='If-Match: "other"\r\n'), 412),
    "old 206": (
        request(LINK, version="1.0", headers="Connection: keep-alive\r\nRange: bytes=5-600000\r\n"),
        206,
    ),
}


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "pipelined"])
@pytest.mark.parametrize("before", BEFORE)
async def test_a_connection_serves_a_second_request(
    base_url: str, whole: bytes, before: str, at_once: bool
) -> None:
    first, status = BEFORE[before]
    second = request(LINK, headers="Connection: close\r\n")
    address = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(first + second if at_once else first)
    answer = await read_answer(reader, has_body=not before.startswith("HEAD"))
    assert answer.status == status
    if not at_once:
        writer.write(second)
    assert parsed(await reader.read()).body == whole
    writer.close()
    await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool) -> Answer:
    """One answer and nothing behind it."""
    head = parsed(await reader.readuntil(b"\r\n\r\n"))
    length = int(head_of(head).get("Content-Length", 0)) if has_body else 0
    return Answer(head.status, head.headers, await reader.readexactly(length))


# TLS: the kernel cannot encrypt, so the bytes take the plain way


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For localhost, signed by itself; and its key."""
    place = tmp_path_factory.mktemp("certificate")
    certificate, key = place / "certificate.pem", place / "key.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    command = [tool("openssl"), *options.split(), "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def tls_server(
    io_loop: IOLoop,
    app: ArchiverApplication,
    certificate: tuple[Path, Path],
    _unused_port: tuple[object, int],
) -> Iterator[SendfileServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    server = SendfileServer(app, ssl_options=context)
    server.add_socket(_unused_port[0])  # type: ignore[arg-type]
    yield server
    server.stop()
    io_loop.run_sync(server.close_all_connections)


@pytest.mark.usefixtures("tls_server")
async def test_all_of_it_over_tls(http_port: int, whole: bytes, certificate: tuple[Path, Path]) -> None:
    client = AsyncHTTPClient()
    for range_field, status, expected in (
        ({}, 200, whole),
        ({"Range": "bytes=0-0"}, 206, whole[:1]),
        ({"Range": "bytes=300000-1600000"}, 206, whole[300_000:1_600_001]),
        ({"Range": "bytes=-50000"}, 206, whole[-50_000:]),
    ):
        asked = HTTPRequest(
            f"https://localhost:{http_port}{LINK}", headers=range_field, ca_certs=str(certificate[0])
        )
        answer = await client.fetch(asked)
        assert (answer.code, answer.body == expected) == (status, True)
    client.close()


# Streamed archives


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("backend", STREAMED, indirect=True)
async def test_a_streamed_archive_has_no_ranges(base_url: str) -> None:
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
async def test_a_streamed_archive_cannot_be_known_already(base_url: str, condition: str) -> None:
    assert (await get(base_url, condition + "\r\n")).status == 200


# Which archive it is


def added(album: Path) -> None:
    trees.write(album / "3.jpg", b"one more")


def renamed(album: Path) -> None:
    (album / "1.jpg").rename(album / "0.jpg")


def moved(album: Path) -> None:
    (album / "1.jpg").rename(album / "small" / "1.jpg")


def touched(album: Path) -> None:
    status = (album / "1.jpg").stat()
    os.utime(album / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def made_executable(album: Path) -> None:
    (album / "1.jpg").chmod(0o755)


def resized(album: Path) -> None:
    status = (album / "1.jpg").stat()
    os.truncate(album / "1.jpg", status.st_size - 1)
    os.utime(album / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))


def removed(album: Path) -> None:
    (album / "empty.txt").unlink()


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("change", [added, renamed, moved, touched, made_executable, resized, removed])
async def test_a_change_makes_another_archive(
    base_url: str, photos: Path, change: Callable[[Path], None]
) -> None:
    before = head_of(await get(base_url, method="HEAD"))["Etag"]
    kept = photos / ".kept"
    shutil.copytree(photos / ALBUM, kept)
    try:
        change(photos / ALBUM)
        assert head_of(await get(base_url, method="HEAD"))["Etag"] != before
        answer = await get(base_url, f"Range: bytes=5-\r\nIf-Range: {before}\r\n")
        assert answer.status == 200
    finally:
        shutil.rmtree(photos / ALBUM)
        kept.rename(photos / ALBUM)
    assert head_of(await get(base_url, method="HEAD"))["Etag"] == before, "the same again, the same etag"


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("backend", ["stored-zip"], indirect=True)
async def test_what_is_not_packed_makes_no_other_archive(base_url: str, photos: Path) -> None:
    before = head_of(await get(base_url, method="HEAD"))["Etag"]
    litter = photos / ALBUM / "Thumbs.db"
    litter.touch()
    try:
        assert head_of(await get(base_url, method="HEAD"))["Etag"] == before
    finally:
        litter.unlink()


@pytest.mark.usefixtures("http_server")
async def test_the_formats_do_not_share_an_etag(
    io_loop: IOLoop, photos: Path, base_url: str, backend: str
) -> None:
    (other,) = set(PLANNED) - {backend}
    service = await make_service(Settings(photos_dir=photos, backend=other))
    archive = await service.backends[0].open(await service.storage.manifest(ALBUM))
    assert f'"{archive.info.etag}"' != head_of(await get(base_url, method="HEAD"))["Etag"]


def test_two_servers_give_the_same_archive(photos: Path, tmp_path: Path, backend: str) -> None:
    """Also from a copy of the directory, on another disk or host, in another time zone."""
    shutil.copytree(photos / ALBUM, tmp_path / "copy" / ALBUM)
    there = {"TZ": "Asia/Yekaterinburg", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    with (
        running_server(photos, "--backend", backend) as one,
        running_server(tmp_path / "copy", "--backend", backend, env=there) as other,
    ):
        heads = [asyncio.run(get(server.url(), method="HEAD")) for server in (one, other)]
        assert head_of(heads[0])["Etag"] == head_of(heads[1])["Etag"]
        assert fetch(one.port, LINK) == fetch(other.port, LINK)
