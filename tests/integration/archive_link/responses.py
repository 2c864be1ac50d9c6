"""The album of a link, what a link to it gives in each format, and how to read the response."""

import io
import tarfile
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from tests.helpers.servers import contents_of_zip

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


async def get(client: AsyncHTTPClient, url: str, **options: Any) -> HTTPResponse:
    """The response, whatever its status."""
    return await client.fetch(HTTPRequest(url, request_timeout=60, **options), raise_error=False)


def head_of(answer: HTTPResponse) -> dict[str, str]:
    """Return the headers without Date and those that frame the body."""
    head = dict(answer.headers.get_all())
    for name in ("Date", "X-Request-Id", "Transfer-Encoding", "Connection"):
        head.pop(name, None)
    return head


def page_of(answer: HTTPResponse) -> bytes:
    """Return the body without the id of the request, which no two responses share."""
    return answer.body.replace(answer.headers["X-Request-Id"].encode(), b"")


def members(body: bytes, backend: str) -> dict[str, bytes]:
    if SUFFIXES[backend] == ".zip":
        return contents_of_zip(io.BytesIO(body))
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = {member.name: opened.extractfile(member) for member in opened if member.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}
