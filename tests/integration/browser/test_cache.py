"""A real Chromium that has downloaded an archive before: what a second click gives."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers.plugin_packages import packaged
from tests.helpers.servers import Server, contents, contents_of_zip, eventually, running_server
from tests.integration.browser.test_pages import browser
from tornado_archiver.testing import trees

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.browser

LINK = "/archive/album/"
# The default backend, for an album that has not changed for 100 days: its ctime could not be set back on a
# disk. Without Cache-Control, a cache reuses such an archive for ten days (RFC 9111 4.2.2).
OLD_ZIP = """
import dataclasses
import time

from tornado_archiver.backends.zip.stored import StoredZip


class OldZip(StoredZip):
    name = "old.zip"

    async def open(self, manifest):
        archive = await super().open(manifest)
        archive.info = dataclasses.replace(archive.info, last_modified=int(time.time()) - 100 * 86_400)
        return archive
"""


@pytest.fixture
def album(tmp_path: Path) -> Path:
    album = tmp_path / "photos" / "album"
    trees.write(album / "1.jpg", trees.noise(100_000, 1))
    return album


@pytest.fixture
def server(tmp_path: Path, album: Path) -> Iterator[Server]:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "old_zip.py").write_text(OLD_ZIP)
    packaged(plugins, **{"old.zip": "old_zip:OldZip"})
    options = ("--backend", "old.zip", "--enable-logging")
    with running_server(album.parent, *options, env={"PYTHONPATH": str(plugins)}) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(server.url())
        page.set_content(f"<a href='{server.url(LINK)}'>download</a>")
        yield page


def downloaded(page: Page, saved: Path) -> dict[str, bytes]:
    """The photos that a click gives."""
    with page.expect_download() as started:
        page.get_by_role("link").click()
    started.value.save_as(saved)
    return contents_of_zip(saved)


def test_archive_downloaded_again_after_a_change_is_the_new_one(
    page: Page, album: Path, tmp_path: Path
) -> None:
    assert downloaded(page, tmp_path / "first.zip") == contents(album)
    trees.write(album / "2.jpg", trees.noise(100_000, 2))
    assert downloaded(page, tmp_path / "second.zip") == contents(album)


def test_archive_downloaded_again_after_its_removal_is_an_error_page(
    page: Page, album: Path, tmp_path: Path
) -> None:
    downloaded(page, tmp_path / "first.zip")
    shutil.rmtree(album)
    page.get_by_role("link").click()
    page.get_by_role("heading", name="This archive does not exist or was removed").wait_for()


def test_archive_downloaded_again_without_a_change_is_not_sent_again(
    page: Page, album: Path, server: Server, tmp_path: Path
) -> None:
    downloaded(page, tmp_path / "first.zip")
    assert downloaded(page, tmp_path / "second.zip") == contents(album)
    assert eventually(lambda: f" GET {LINK} 304 0 bytes " in server.log())
