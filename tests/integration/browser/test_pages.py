"""A real Chromium on the real pages: what a person with a link sees and gets."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.helpers.raw_clients import linked_noise
from tests.helpers.servers import (
    PROJECT,
    contents,
    contents_of_zip,
    free_port,
    missing,
    plain_environment,
    running_server,
    tool,
    wait_until_answering,
)

pytestmark = pytest.mark.browser

PHOTOS = PROJECT / "demo" / "photos"
PHONE = ViewportSize(width=320, height=568)  # the narrowest one still in use
ARGUMENTS = (
    "--disable-quic --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --disable-gpu"
).split()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("chromium is not installed")
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server without any setting but a free port: it has the demo album."""
    tool("zip")
    port = free_port()
    with subprocess.Popen(
        [sys.executable, f"{PROJECT}/server.py"],
        cwd=tmp_path_factory.mktemp("nothing-here"),
        env=plain_environment({"PORT": str(port)}),
    ) as process:
        try:
            wait_until_answering(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with browser.new_context(base_url=url) as context:
        yield context.new_page()


def test_browser_downloads_the_demo_album_with_one_click(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the demo album").click()
    download = started.value
    (album,) = os.listdir(PHOTOS)
    assert download.suggested_filename == f"{album}.zip"
    download.save_as(tmp_path / "saved.zip")  # raises when it did not come to its end
    assert contents_of_zip(tmp_path / "saved.zip") == contents(PHOTOS / album)


@pytest.mark.parametrize("backend", ["zip", "tar.gz"])
def test_browser_reports_an_aborted_archive_as_failed(browser: Browser, tmp_path: Path, backend: str) -> None:
    tool("zip")
    album = linked_noise(tmp_path / "photos" / "album", files=64, size=1024 * 1024)
    slowly = ("--enable-response-delay", "--response-delay", "3ms")
    with (
        running_server(album.parent, "--backend", backend, *slowly) as server,
        browser.new_context(base_url=server.url()) as context,
    ):
        page = context.new_page()
        page.goto("/")
        with page.expect_download() as started:
            page.evaluate("location.href = 'archive/album/'")
        shutil.rmtree(album)
        assert started.value.failure()


def test_browser_shows_an_error_page_for_a_missing_archive(page: Page) -> None:
    answer = page.goto("/archive/nothing-here/")
    assert answer is not None
    assert answer.status == 404
    assert page.get_by_role("heading").inner_text() == "This archive does not exist or was removed"
    assert page.get_by_text("ask the person who sent it for a new one").is_visible()
    assert page.get_by_text(f"Reference {answer.headers['x-request-id']}").is_visible()


@pytest.mark.parametrize("path", ["/", "/archive/nothing-here/"], ids=["home", "missing"])
def test_page_on_a_phone_does_not_scroll_sideways(browser: Browser, url: str, path: str) -> None:
    with browser.new_context(base_url=url, viewport=PHONE, is_mobile=True) as context:
        page = context.new_page()
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("path", ["/", "/archive/nothing-here/"], ids=["home", "missing"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_preferred_color_scheme(
    browser: Browser, url: str, path: str, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(base_url=url, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(path)
        background, text = brightness(page, "backgroundColor"), brightness(page, "color")
    assert background < 0.2 < 0.8 < text if scheme == "dark" else text < 0.2 < 0.8 < background


def brightness(page: Page, of: str) -> float:
    """That of the body's colour, from 0 (black) to 1 (white)."""
    colour: str = page.evaluate(f"getComputedStyle(document.body).{of}")
    channels = [int(number) for number in re.findall(r"\d+", colour)]
    assert len(channels) == 3, f"{colour} is not opaque"
    return sum(channels) / 3 / 255


@pytest.mark.parametrize("path", ["/", "/archive/nothing-here/"], ids=["home", "missing"])
def test_page_loads_nothing_else_and_logs_no_errors(page: Page, path: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto(path, wait_until="networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [page.url]
    assert [line for line in messages if "404" not in line] == []
