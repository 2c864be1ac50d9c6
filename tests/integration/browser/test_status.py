"""The status page in Chromium, as wide as a phone or a desktop: it follows the downloads automatically."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.helpers.admin_client import Admin, administered
from tests.helpers.raw_clients import linked_noise, open_request, read_head, request
from tests.helpers.servers import eventually, tool
from tests.integration.browser.test_pages import PHONE, browser

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.browser

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
DESKTOP = ViewportSize(width=1280, height=720)
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


# Many downloads


def held_downloads(admin: Admin, stack: ExitStack, count: int, clients: int) -> list[socket.socket]:
    """Return connections that read no body, of so many clients; their addresses are those of a proxy."""
    sockets = []
    for number in range(count):
        headers = f"X-Forwarded-For: 192.0.2.{number % clients}\r\n"
        sockets.append(stack.enter_context(open_request(admin.server, LINK, headers=headers)))
    assert eventually(lambda: len(admin.status()["downloads"]) == count)
    return sockets


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Admin]:
    """60 downloads of 20 clients, of which ten wait in the queue."""
    linked_noise(tmp_path / "photos" / ALBUM, files=64, size=1024 * 1024)
    with (
        administered(tmp_path / "photos", "--max-downloads", "50", "--queue-timeout", "5m") as admin,
        ExitStack() as stack,
    ):
        held_downloads(admin, stack, count=60, clients=20)
        yield admin


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def busy_page(
    browser: Browser, busy: Admin, request: pytest.FixtureRequest, messages: list[str]
) -> Iterator[Page]:
    viewport: ViewportSize = request.param
    base_url = f"http://127.0.0.1:{busy.port}"
    with browser.new_context(base_url=base_url, viewport=viewport) as context:
        page = context.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto("/status")
        yield page
        assert messages == []


def await_refresh(page: Page, count: int = 2) -> None:
    """Wait for so many responses to the page. All but the last one are on the page then."""
    for _ in range(count):
        with page.expect_response("**/status", timeout=SOON_MS) as response:
            pass
        response.value.finished()


def test_status_page_with_many_downloads_has_a_row_for_each_client(busy_page: Page) -> None:
    expect(busy_page.locator(".group")).to_have_count(20)
    expect(busy_page.locator(".download")).to_have_count(0)
    row = busy_page.locator("[id='client-192.0.2.7'] > summary")
    assert row.locator(".client").inner_text() == "192.0.2.7"
    text = " ".join((row.text_content() or "").split())
    assert re.search(r"Running [23] ?Queued [01] ?Sent .*B ?Speed .*B/s ?Slowest .*B/s ?Longest \d+ s", text)
    counts = busy_page.locator(".group > summary > :nth-child(2)").all_text_contents()
    assert sum(int(text.removeprefix("Running ")) for text in counts) == 50
    for is_open in (False, True):
        busy_page.evaluate("open => document.querySelectorAll('.group').forEach(g => g.open = open)", is_open)
        viewport = busy_page.viewport_size
        assert viewport is not None
        assert busy_page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
        # a phone shows the headings with each value instead
        assert busy_page.locator(".headings").is_visible() == (viewport == DESKTOP)


def test_open_group_shows_its_downloads_and_stays_open(busy_page: Page) -> None:
    group = busy_page.locator("[id='client-192.0.2.7']")
    group.locator("summary").click()
    expect(group.locator("tr")).to_have_count(3)
    expect(group.locator("tr").first).to_be_visible()
    assert "5f2c1e…" in group.locator("tr").first.inner_text()
    duration = group.locator("td", has_text="for ").first
    for _ in range(2):
        expect(duration).not_to_have_text(duration.inner_text(), timeout=SOON_MS)
    expect(busy_page.locator("details[open]")).to_have_count(1)
    group.locator("summary").click()
    await_refresh(busy_page)
    expect(busy_page.locator("details[open]")).to_have_count(0)


def test_refresh_keeps_scroll_position_focus_and_selection(busy_page: Page) -> None:
    group = busy_page.locator("[id='client-192.0.2.18']")
    group.locator("summary").click()
    group.scroll_into_view_if_needed()
    busy_page.evaluate("""() => getSelection().selectAllChildren(
        document.getElementById("client-192.0.2.18").querySelector(".client"))""")
    before = busy_page.evaluate("scrollY")
    duration = group.locator("td", has_text="for ").first
    for _ in range(2):
        expect(duration).not_to_have_text(duration.inner_text(), timeout=SOON_MS)
    assert before > 0
    assert busy_page.evaluate("scrollY") == before
    assert busy_page.evaluate("getSelection().toString()") == "192.0.2.18"
    assert busy_page.evaluate("document.activeElement.parentElement.id") == "client-192.0.2.18"


def test_groups_of_clients_that_leave_disappear_and_others_stay_open(
    browser: Browser, admin: Admin, messages: list[str]
) -> None:
    with (
        ExitStack() as stack,
        browser.new_context(base_url=f"http://127.0.0.1:{admin.port}", viewport=DESKTOP) as context,
    ):
        page = context.new_page()
        page.on("pageerror", lambda error: messages.append(str(error)))
        with ExitStack() as leaving:
            held_downloads(admin, leaving, count=1, clients=1)  # of 192.0.2.0
            for number in range(1, 12):
                headers = f"X-Forwarded-For: 198.51.100.{number}\r\n"
                stack.enter_context(open_request(admin.server, LINK, headers=headers))
            assert eventually(lambda: len(admin.status()["downloads"]) == 12)
            page.goto("/status")
            page.locator("[id='client-198.51.100.5'] > summary").click()
            expect(page.locator(".group")).to_have_count(12)
        expect(page.locator(".group")).to_have_count(11, timeout=SOON_MS)
        expect(page.locator("[id='client-192.0.2.0']")).to_have_count(0)
        assert page.locator("details[open]").get_attribute("id") == "client-198.51.100.5"
        shown = page.locator(".group .client").all_text_contents()
        assert shown == sorted(f"198.51.100.{number}" for number in range(1, 12))
    assert messages == []


def test_status_page_changes_between_cards_and_groups(page: Page, admin: Admin, messages: list[str]) -> None:
    with ExitStack() as stack:
        held_downloads(admin, stack, count=10, clients=5)
        page.goto("/status")
        expect(page.locator(".download")).to_have_count(10)
        with open_request(admin.server, LINK):
            expect(page.locator(".group")).to_have_count(6, timeout=SOON_MS)
            expect(page.locator(".download")).to_have_count(0)
        expect(page.locator(".download")).to_have_count(10, timeout=SOON_MS)
        expect(page.locator(".group")).to_have_count(0)
    expect(page.get_by_text("No active downloads.")).to_be_visible(timeout=SOON_MS)
    assert messages == []
