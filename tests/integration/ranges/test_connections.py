"""Archives and their parts over a connection with several requests, and over one with TLS."""

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.ioloop import IOLoop

from tests.helpers.raw_clients import Answer, parsed, request
from tests.helpers.servers import tool
from tests.integration.ranges.album import LINK, head_of
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.net.sendfile import SendfileServer

pytestmark = pytest.mark.gen_test(timeout=30)


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
async def test_keep_alive_connection_serves_a_second_request(
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
    """A self-signed certificate for localhost, and its key."""
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
async def test_archive_over_tls_is_complete(
    http_port: int, whole: bytes, certificate: tuple[Path, Path]
) -> None:
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
