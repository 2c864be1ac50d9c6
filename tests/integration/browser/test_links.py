"""A real Chromium and real programs with the links of docs/links.md: names, "download selected", ?info."""

import re
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers.servers import PROJECT, Server, contents_of_zip, free_port, running_server, tool
from tests.integration.browser.test_pages import PHOTOS, browser  # noqa: F401

pytestmark = pytest.mark.browser

DOCS = (PROJECT / "docs" / "links.md").read_text("utf-8")
LINK = "/archive/3bea29ccabbbf64bdebcc055319c5745/"
SITE = "https://photos.example.com"


def documented(language: str, server: Server) -> str:
    """Return the example in that language, with the address of `server`."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    assert SITE in code
    return str(code).replace(SITE, server.url(""))


@pytest.fixture(scope="module")
def site() -> Iterator["Site"]:
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def server(site: "Site") -> Iterator[Server]:
    with running_server(PHOTOS, "--formats", "tar", "--cors-origin", site.url) as server:
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:  # noqa: F811
    with browser.new_context() as context:
        yield context.new_page()


class Site:
    """A web site on another port, whose only page is `html`."""

    def __enter__(self) -> Self:
        self.html = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(site.html.encode())

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        serve = self._server.serve_forever
        Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize(
    ("end", "file_name"),
    [
        ("?name=Anna+%26+Ben", "Anna & Ben.zip"),
        ("?name=%D0%A4%D0%BE%D1%82%D0%BE", "Фото.zip"),
        ("Anna%20und%20J%C3%B6rg.tar", "Anna und Jörg.tar"),
    ],
)
def test_browser_saves_the_archive_under_the_name_in_the_link(
    page: Page, site: Site, server: Server, end: str, file_name: str
) -> None:
    site.html = f"<a href='{server.url(LINK)}{end}'>photos</a>"
    page.goto(site.url)
    with page.expect_download() as started:
        page.get_by_role("link").click()
    assert started.value.suggested_filename == file_name
    assert started.value.failure() is None


@pytest.mark.parametrize("program", ["wget", "wget2"])
def test_program_saves_the_archive_under_the_end_of_the_link(
    server: Server, tmp_path: Path, program: str
) -> None:
    options = ["-q", "--no-proxy"]
    subprocess.run([tool(program), *options, server.url(f"{LINK}holiday.zip")], cwd=tmp_path, check=True)
    assert contents_of_zip(tmp_path / "holiday.zip")


def test_documented_form_downloads_the_selected_files(
    page: Page, site: Site, server: Server, tmp_path: Path
) -> None:
    site.html = documented("html", server)
    page.goto(site.url)
    page.get_by_label("night/1.jpg").check()
    with page.expect_download() as started:
        page.get_by_role("button").click()
    started.value.save_as(tmp_path / "selected.zip")
    assert list(contents_of_zip(tmp_path / "selected.zip")) == ["night/1.jpg"]


def test_documented_script_labels_a_button_on_the_allowed_site(
    page: Page, site: Site, server: Server
) -> None:
    code = documented("js", server)
    site.html = f'<button id="button">Download</button><script type="module">{code}</script>'
    page.goto(site.url)
    page.get_by_text(re.compile(r"Download 8 photos \(\d+ MB\)")).wait_for()


def test_script_on_another_site_cannot_read_info(page: Page, site: Site, server: Server) -> None:
    with Site() as other:
        page.goto(other.url)
        script = f"fetch('{server.url(LINK)}?info').then(() => 'read', () => 'refused')"
        assert page.evaluate(script) == "refused"
        page.goto(site.url)
        assert page.evaluate(script) == "read"
