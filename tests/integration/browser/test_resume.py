"""A real Chromium whose download breaks off in the middle: how it ends, and what the person has to do."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.helpers.proxies import nginx
from tests.helpers.resume_clients import ALBUM, LINK, MIB, etag_of, logged_206, serving
from tests.helpers.servers import contents, contents_of_zip, eventually, fetch, missing, running_server
from tests.integration.browser.test_pages import ARGUMENTS
from tornado_archiver.testing import trees

pytestmark = pytest.mark.browser

TIMEOUT_S = 60
UNDER_WAY_BYTES = 4 * MIB
# A pause before each of a thousand chunks
SLOWLY = ("--enable-response-delay", "--response-delay", "8ms", "--enable-logging")


class Downloads:
    """The downloads of the only page of Chromium, and their files."""

    def __init__(self, page: Page, directory: Path) -> None:
        self.page = page
        self.directory = directory
        self._progress: list[dict[str, Any]] = []
        session = page.context.new_cdp_session(page)
        session.on("Browser.downloadProgress", lambda progress: self._progress.append(progress))
        behavior = {"behavior": "allowAndName", "downloadPath": str(directory), "eventsEnabled": True}
        session.send("Browser.setDownloadBehavior", behavior)

    def click(self, url: str) -> None:
        self.page.set_content(f"<a href='{url}'>download</a>")
        self.page.get_by_role("link").click()

    def wait_until(self, happened: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first progress of which it is true."""
        for _ in range(TIMEOUT_S * 50):
            if found := next((progress for progress in self._progress if happened(progress)), None):
                return found
            self.page.wait_for_timeout(20)
        raise AssertionError(f"{self._progress[-1:]} after {TIMEOUT_S} s")

    def wait_until_under_way(self) -> dict[str, Any]:
        progress = self.wait_until(lambda progress: progress["receivedBytes"] >= UNDER_WAY_BYTES)
        assert progress["state"] == "inProgress"
        assert progress["receivedBytes"] < progress["totalBytes"]
        return progress

    def outcome(self) -> str:
        return str(self.wait_until(lambda progress: progress["state"] != "inProgress")["state"])

    def saved(self) -> Path | None:
        """The file when it is there under its own name."""
        names = [name for name in os.listdir(self.directory) if not name.endswith(".crdownload")]
        return self.directory / names[0] if names else None

    def resume(self) -> None:
        """As a person does it who sees that it has failed."""
        self.page.goto("chrome://downloads")
        self.page.get_by_role("button", name="More actions").click()
        self.page.get_by_role("menuitem", name="Resume").click()


@pytest.fixture
def downloads(tmp_path: Path) -> Iterator[Downloads]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("chromium is not installed")
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    directory = tmp_path / "downloads"
    directory.mkdir()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=chromium, args=arguments, downloads_path=directory
        )
        yield Downloads(context.pages[0], directory)
        context.close()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for number in range(12):
        trees.write(root / ALBUM / f"{number:02}.jpg", trees.noise(5 * MIB, number))
    return root


def assert_whole(saved: Path | None, photos: Path) -> None:
    assert saved is not None
    assert contents_of_zip(saved) == contents(photos / ALBUM)


def test_browser_shows_the_download_size_at_once(downloads: Downloads, photos: Path) -> None:
    with running_server(photos) as server:
        downloads.click(server.url(LINK))
        first = downloads.wait_until(lambda progress: True)
        assert downloads.outcome() == "completed"
        assert first["totalBytes"] == len(fetch(server.port, LINK))
    assert_whole(downloads.saved(), photos)


# The address stays bound, so Chromium requests the rest automatically, with Range and If-Range


def test_browser_resumes_after_a_worker_was_killed(downloads: Downloads, photos: Path) -> None:
    with running_server(photos, *SLOWLY) as server:
        downloads.click(server.url(LINK))
        downloads.wait_until_under_way()
        server.worker.kill()
        assert downloads.outcome() == "completed"
        assert eventually(lambda: logged_206(server))
    assert_whole(downloads.saved(), photos)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_browser_resumes_after_a_restart_by_systemd(
    downloads: Downloads, photos: Path, stop: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        with running_server(photos, *SLOWLY, handed=held) as server:
            downloads.click(server.url(LINK))
            downloads.wait_until_under_way()
            server.process.send_signal(stop)
            server.process.wait(timeout=TIMEOUT_S)
        with running_server(photos, "--enable-logging", handed=held) as server:
            assert downloads.outcome() == "completed"
            assert eventually(lambda: logged_206(server))
    assert_whole(downloads.saved(), photos)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_browser_resumes_from_another_server(
    downloads: Downloads, photos: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    """Two behind nginx."""
    with (
        running_server(photos, *SLOWLY) as one,
        running_server(photos, *SLOWLY) as other,
        nginx([one.port, other.port], tmp_path) as port,
    ):
        downloads.click(f"http://127.0.0.1:{port}{LINK}")
        downloads.wait_until_under_way()
        (first,) = serving([one, other])
        first.process.send_signal(stop)
        first.process.wait(timeout=TIMEOUT_S)
        assert downloads.outcome() == "completed"
        assert eventually(lambda: logged_206(one) or logged_206(other))
    assert_whole(downloads.saved(), photos)


# The address is not bound: Chromium gives up after a refused connection, and the user has to resume


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_browser_resumes_by_hand_after_a_restart(
    downloads: Downloads, photos: Path, stop: signal.Signals
) -> None:
    with running_server(photos, *SLOWLY) as server:
        downloads.click(server.url(LINK))
        downloads.wait_until_under_way()
        server.process.send_signal(stop)
        server.process.wait(timeout=TIMEOUT_S)
        assert downloads.outcome() == "canceled", "as the protocol calls what failed"
        assert downloads.saved() is None, "nothing that passes for an archive"
    with running_server(photos, "--enable-logging", port=server.port) as server:
        downloads.resume()
        assert eventually(downloads.saved, TIMEOUT_S)
        assert eventually(lambda: logged_206(server))
    assert_whole(downloads.saved(), photos)


def test_browser_restarts_the_download_of_a_changed_archive(
    downloads: Downloads, photos: Path, tmp_path: Path
) -> None:
    """The file is never a mix of two archives."""
    changing = tmp_path / "photos"
    shutil.copytree(photos, changing)
    with running_server(changing, *SLOWLY) as server:
        before = etag_of(server.url(LINK))
        downloads.click(server.url(LINK))
        downloads.wait_until_under_way()
        server.process.kill()
        server.process.wait()
        downloads.outcome()
    trees.write(changing / ALBUM / "00.jpg", trees.noise(5 * MIB, 99), age_s=1)
    with running_server(changing, *SLOWLY, port=server.port):
        assert etag_of(server.url(LINK)) != before
        downloads.resume()
        assert eventually(downloads.saved, TIMEOUT_S)
    assert_whole(downloads.saved(), changing)
