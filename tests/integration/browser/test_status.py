"""The status page in Chromium, as wide as a phone: it follows the downloads automatically."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.helpers.admin_client import Admin, administered
from tests.helpers.raw_clients import linked_noise, open_request, read_head, request
from tests.helpers.servers import eventually, tool
from tests.integration.browser.test_pages import PHONE, browser

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.browser

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
SETTINGS = ("--formats", "tar.gz", "--max-downloads", "2", "--rate-limit", "2MiB", "--queue-timeout", "5m")
# Longer than the interval of the page: a second, or five without scripts
SOON_MS = 30_000
LINK = f"/archive/{ALBUM}/"


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    linked_noise(tmp_path / "photos" / ALBUM, files=64, size=1024 * 1024)
    with administered(tmp_path / "photos", *SETTINGS) as admin:
        yield admin


@contextmanager
def downloading(admin: Admin) -> Iterator[None]:
    """A client that takes all that comes, which is a thirty-second of the archive each second."""
    command = [tool("curl"), "-sS", "--noproxy", "*", "-o", "/dev/null", admin.server.url(LINK)]
    with subprocess.Popen(command) as client:
        try:
            yield
        finally:
            client.kill()


@pytest.fixture
def messages() -> list[str]:
    """The messages of the console of the page."""
    return []


@pytest.fixture
def page(browser: Browser, admin: Admin, messages: list[str]) -> Iterator[Page]:
    base_url = f"http://127.0.0.1:{admin.port}"
    with browser.new_context(base_url=base_url, viewport=PHONE, is_mobile=True) as context:
        page = context.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        yield page


def test_status_page_shows_progress(page: Page, admin: Admin, messages: list[str]) -> None:
    page.goto("/status")
    expect(page.get_by_text("No active downloads.")).to_be_visible()
    with downloading(admin):
        expect(page.locator(".download")).to_have_count(1, timeout=SOON_MS)
        percent = page.locator(".percent")
        for _ in range(2):  # it changes without interaction
            expect(percent).not_to_have_text(percent.inner_text(), timeout=SOON_MS)
        card = page.locator(".download").inner_text()
        assert re.search(r"5f2c1e…\s+stored-zip", card)
        assert re.search(r"MB of 67\.1 MB", card)
        assert re.search(r"\d (k|M)B/s · for \d+ s · (\d+ min )?\d+ s left", card)
        assert "127.0.0.1" in card
        assert ALBUM[6:] not in page.content()
    expect(page.locator(".download")).to_have_count(0, timeout=SOON_MS)
    assert messages == []


def test_status_page_with_many_downloads_does_not_scroll_sideways(
    page: Page, admin: Admin, messages: list[str]
) -> None:
    with (
        open_request(admin.server, "/healthz") as part,
        open_request(admin.server, f"{LINK}?format=tar.gz") as packed,
    ):
        read_head(part)
        ranges = ",".join(f"{start}-{start + 10}" for start in range(100_000, 100_300, 20))
        part.sendall(request(LINK, headers=f"X-Request-ID: {'i' * 64}\r\nRange: bytes={ranges},200000-\r\n"))
        read_head(part)
        read_head(packed)
        with open_request(admin.server, LINK):
            assert eventually(lambda: admin.status()["queued"] == 1)
            page.goto("/status")
            expect(page.locator(".download").get_by_text("Queued")).to_be_visible()
            expect(page.get_by_text("so far")).to_be_visible()
            assert page.locator(".download").count() == 3
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            page.wait_for_timeout(1500)
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert messages == []


def test_status_page_without_connection_shows_a_notice(page: Page, admin: Admin) -> None:
    page.goto("/status")
    expect(page.locator("#lost")).to_be_hidden()
    page.route("**/status", lambda route: route.abort())
    expect(page.locator("#lost")).to_be_visible(timeout=SOON_MS)
    page.unroute("**/status")
    expect(page.locator("#lost")).to_be_hidden(timeout=SOON_MS)


def test_status_page_runs_no_injected_script(page: Page) -> None:
    page.goto("/status")
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'taken over'";
            document.body.append(script);
        }""")
    assert page.title() == "Status of Tornado Archiver"


def test_status_page_without_scripts_reloads(browser: Browser, admin: Admin) -> None:
    with browser.new_context(base_url=f"http://127.0.0.1:{admin.port}", java_script_enabled=False) as context:
        page = context.new_page()
        with page.expect_request("**/status"):
            page.goto("/status")
        with page.expect_request("**/status", timeout=SOON_MS):
            pass
