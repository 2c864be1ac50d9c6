"""A real Chromium on a page that tries again: alone, and after a click."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Download, Page

from tests.helpers.raw_clients import linked_noise, open_request, read_head
from tests.helpers.servers import PROJECT, Server, contents, contents_of_zip, running_server
from tests.integration.browser.test_pages import browser

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.browser

LINK = "/archive/album/?format=stored-zip"  # a query, which a retry has to keep
BUSY = "Too many downloads are running right now"

# Runs at the start of each Python process
SHORT_RETRY = """
from tornado_archiver.errors import TooManyDownloadsError
TooManyDownloadsError.retry_after_s = 1
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "large", files=64, size=1024 * 1024)
    linked_noise(root / "album", files=2, size=1000)
    return root


@pytest.fixture
def server(photos: Path, tmp_path: Path, short_retry: bool) -> Iterator[Server]:
    """A server with one slot."""
    (tmp_path / "sitecustomize.py").write_text(SHORT_RETRY * short_retry)
    one_slot = ("--max-downloads", "1", "--queue-timeout", "0", "--backend", "tar", "--formats", "stored-zip")
    with running_server(photos, *one_slot, env={"PYTHONPATH": f"{tmp_path}:{PROJECT}"}) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with browser.new_context(base_url=server.url()) as context:
        yield context.new_page()


@contextmanager
def occupied(server: Server) -> Iterator[None]:
    """Hold the only slot during the context."""
    with open_request(server, "/archive/large/") as client:
        read_head(client)
        yield


def check(download: Download, album: Path, saved: Path) -> None:
    download.save_as(saved)  # raises if it is incomplete
    assert contents_of_zip(saved) == contents(album)


@pytest.mark.parametrize("short_retry", [True])
def test_busy_page_reloads_itself_until_the_download_begins(
    page: Page, server: Server, photos: Path, tmp_path: Path
) -> None:
    with ExitStack() as holder:
        holder.enter_context(occupied(server))
        page.goto(LINK)
        assert page.get_by_role("heading").inner_text() == BUSY
        with page.expect_response(lambda response: response.status == 503):
            pass  # of a reload
        with page.expect_download() as started:
            holder.close()
    check(started.value, photos / "album", tmp_path / "saved.zip")


@pytest.mark.parametrize("short_retry", [False])
def test_try_again_link_opens_the_same_link(page: Page, server: Server, photos: Path, tmp_path: Path) -> None:
    with occupied(server):
        page.goto(LINK)
        with page.expect_response(lambda response: response.status == 503):
            page.get_by_role("link", name="Try again").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Try again").click()
    check(started.value, photos / "album", tmp_path / "saved.zip")
