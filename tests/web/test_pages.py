"""The pages that people see: what is on them, and what never is."""

import os
import re

import pytest

from tornado_archiver.errors import (
    ArchiverError,
    SourceNotFoundError,
    SourceUnreadableError,
    StorageUnavailableError,
    TooManyDownloadsError,
    UploadInProgressError,
)
from tornado_archiver.web import pages
from tornado_archiver.web.error_pages import to_http_error
from tornado_archiver.web.pages import ErrorPage

TEMPLATES = os.path.join(os.path.dirname(pages.__file__), "templates")
CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
EXAMPLE = "http://photos.test:7777/archive/<hash>/"
ZIP = ("zip", ".zip")
TAR_GZ = ("tar.gz", ".tar.gz")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", False, id="no header"),
        pytest.param("*/*", False, id="curl"),
        pytest.param("text/*", False, id="any text"),
        pytest.param("application/json", False, id="script"),
        pytest.param(CHROMIUM, True, id="chromium"),
        pytest.param("text/html", True, id="html alone"),
        pytest.param("Text/HTML ; Q=0.5", True, id="case and blanks"),
        pytest.param("application/xhtml+xml", True, id="xhtml"),
        pytest.param("text/html;level=1;q=0.4", True, id="weight after a parameter"),
        pytest.param("text/html;q=0", False, id="refused"),
        pytest.param("text/html;q=0.000, */*", False, id="refused with decimals"),
        pytest.param("text/html;q=0.001", True, id="barely wanted"),
        pytest.param("text/html;q=1.000", True, id="wanted with decimals"),
        pytest.param("text/plain, text/html;q=0.9", False, id="text wanted more"),
        pytest.param("text/plain;q=0.9, text/html", True, id="html wanted more"),
        pytest.param("text/plain, text/html", True, id="both alike"),
        pytest.param("text/html;q=nan", False, id="weight nan"),
        pytest.param("text/html;q=inf", False, id="weight inf"),
        pytest.param("text/html;q=", False, id="weight empty"),
        pytest.param("text/html;q=1.5", False, id="weight too large"),
        pytest.param("text/html;q=\u0661", False, id="weight in other digits"),
        pytest.param("text/htmlx", False, id="another type"),
        pytest.param(",;,=;q", False, id="rubbish"),
    ],
)
def test_prefers_html_follows_the_accept_header(accept: str, expected: bool) -> None:
    assert pages.prefers_html(accept) is expected


def test_error_pages_have_the_keys_that_templates_are_named_by() -> None:
    defined = {page.key: page for page in vars(pages).values() if isinstance(page, ErrorPage)}
    functions = {page.key for page in (pages.unknown_format([ZIP]), pages.old_protocol([]))}
    assert set(pages.ERROR_PAGES) == {*defined, *functions}


def test_error_pages_have_the_status_of_their_name() -> None:
    statuses = {key: page.status for key, page in pages.ERROR_PAGES.items()}
    assert statuses == {
        "bad-request": 400,
        "not-found": 404,
        "method-not-allowed": 405,
        "expired": 410,
        "too-large": 413,
        "busy": 503,
        "uploading": 503,
        "changed": 412,
        "no-such-range": 416,
        "failed": 500,
        "unavailable": 503,
        "unreadable": 503,
        "unknown-format": 400,
        "old-protocol": 505,
    }


@pytest.mark.parametrize("page", pages.ERROR_PAGES.values(), ids=lambda page: page.key)
def test_error_page_promises_no_time_and_names_no_backend(page: ErrorPage) -> None:
    assert not re.search(r"minute|second|stored-zip|tar\.gz\b(?<!\.tar\.gz)", page.title + page.message)


def test_unknown_format_page_lists_the_suffixes_and_the_default() -> None:
    page = pages.unknown_format([("stored-zip", ".zip"), TAR_GZ, ZIP])
    assert page.message == ('Available formats: .zip, .tar.gz. A link without "?format=" gives a .zip file.')
    assert page.formats == (("stored-zip", ".zip"), TAR_GZ, ZIP)


def test_old_protocol_page_lists_the_suffixes_of_working_formats() -> None:
    message = pages.old_protocol([("stored-zip", ".zip"), ("tar", ".tar")]).message
    assert message.endswith("Formats that work: .zip, .tar.")
    assert "ormat" not in pages.old_protocol([]).message


@pytest.mark.parametrize(
    ("error", "key", "seconds"),
    [
        (StorageUnavailableError("no rights"), "unreadable", None),
        (StorageUnavailableError("away", retry_after_s=60), "unavailable", 60),
        (SourceUnreadableError("no rights"), "failed", None),
        (SourceUnreadableError("EIO", retry_after_s=60), "failed", 60),
        (TooManyDownloadsError("busy"), "busy", 30),
        (UploadInProgressError("1.jpg", 7), "uploading", 7),
        (SourceNotFoundError("none"), "not-found", None),
    ],
)
def test_error_has_a_page_and_the_time_to_retry(error: ArchiverError, key: str, seconds: int | None) -> None:
    response = to_http_error(error)
    assert (response.page.key, response.retry_after_s) == (key, seconds)


@pytest.mark.parametrize("name", sorted(os.listdir(TEMPLATES)))
def test_templates_load_no_external_resources(name: str) -> None:
    with open(os.path.join(TEMPLATES, name), encoding="utf-8") as file:
        source = file.read()
    assert set(re.findall(r"https?://[\w./:-]*", source)) <= {"http://www.w3.org/2000/svg"}
    # a link leads to the page itself, to a given URL, or is the icon that is part of the page
    assert not [
        link for link in re.findall(r'href="([^"]*)', source) if link and not link.startswith(("{{", "data:"))
    ]
    ways = r"<script(?!>)|<iframe|\bsrc=|@import|url\(|\bon\w+=|\{% (?:raw|autoescape)"
    assert not re.findall(ways, source)


def test_example_url_keeps_host_and_port() -> None:
    assert pages.example_url("http", "photos.test:7777") == EXAMPLE


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "http://127.0.0.1:7777"),
        ("0.0.0.0", "http://127.0.0.1:7777"),
        ("10.0.0.5", "http://10.0.0.5:7777"),
        ("localhost", "http://localhost:7777"),
        ("::", "http://[::1]:7777"),
        ("::1", "http://[::1]:7777"),
        ("unix:/run/archiver.sock", "http://unix:/run/archiver.sock"),
    ],
)
def test_upstream_url_accepts_a_request(address: str, expected: str) -> None:
    assert pages.upstream_url(address, 7777) == expected
