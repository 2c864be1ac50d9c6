"""Server errors: the response has no details, the log has all."""

import asyncio
import logging
import re
import shutil
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.helpers.raw_clients import BROWSER, Answer, ask, request
from tests.helpers.servers import eventually
from tests.integration.archive_link.responses import ALBUM, SHORT_LIVED, get
from tornado_archiver.errors import BackendError, SourceUnreadableError
from tornado_archiver.source import Manifest, Storage
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
]


@pytest.mark.parametrize("backend", ["tar.gz"])
async def test_missing_photos_root_returns_503(
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

    async def scan(self, source_hash: str) -> Manifest:
        raise self._kind(f"secret text about /srv/photos/{source_hash}")


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize(
    "storage",
    [partial(Failing, kind) for kind in (SourceUnreadableError, BackendError, RuntimeError, OSError)],
    ids=["unreadable", "packing", "bug", "system"],
    indirect=True,
)
@pytest.mark.parametrize("accept", [BROWSER, "*/*"], ids=["browser", "script"])
async def test_server_error_is_logged_and_not_in_the_response(
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
    """Return the parts of a response that reveal internals."""
    text = "\n".join(answer.headers) + answer.body.decode()
    return re.findall(rf"secret|Traceback|Error\b(?! 500)|/srv|\.py\b|{ALBUM}", text)


@pytest.mark.parametrize("backend", ["tar.gz"])
@pytest.mark.parametrize("storage", [partial(Failing, RuntimeError)], ids=["bug"], indirect=True)
@pytest.mark.parametrize("written", [ALBUM, "%35" + ALBUM[1:]], ids=["plain", "encoded"])
async def test_server_error_log_does_not_contain_the_hash(
    base_url: str, written: str, caplog: pytest.LogCaptureFixture
) -> None:
    await ask(base_url, request(f"/archive/{written}/", headers=SHORT_LIVED))
    assert "Traceback" in caplog.text
    assert ALBUM[6:] not in caplog.text


class Slow(Storage):
    """Sets `asked` when a scan starts, and waits for `go_on`."""

    def __init__(self, photos: Path) -> None:
        self._storage = LocalStorage(photos, SourceFilter())
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def scan(self, source_hash: str) -> Manifest:
        self.asked.set()
        await self.go_on.wait()
        return await self._storage.scan(source_hash)


@pytest.mark.parametrize("storage", [Slow], indirect=True)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_disconnect_before_the_response_is_client_closed(
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
    assert await asyncio.to_thread(eventually, lambda: records_of_service(caplog))
    assert [record.levelname for record in records_of_service(caplog)] == ["INFO"]
    assert " client_closed" in caplog.text


def records_of_service(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Without those of asyncio, which in development mode reports each step longer than 0.1 s."""
    return [record for record in caplog.records if record.name.startswith("tornado_archiver")]
