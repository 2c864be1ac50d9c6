"""The pages that people see: what is on them, and what never is."""

import os
import re
from html import escape, unescape

import pytest

from tests.helpers.servers import PROJECT
from tornado_archiver.web import pages
from tornado_archiver.web.pages import ErrorPage

TEMPLATES = os.path.join(os.path.dirname(pages.__file__), "templates")
NOTICES = [
    pages.BAD_REQUEST,
    pages.NOT_FOUND,
    pages.METHOD_NOT_ALLOWED,
    pages.EXPIRED,
    pages.PRECONDITION_FAILED,
    pages.TOO_LARGE,
    pages.RANGE_NOT_SATISFIABLE,
    pages.BUSY,
    pages.FAILED,
    pages.UNAVAILABLE,
    pages.unknown_format(["zip", "tar.gz"]),
    pages.old_protocol(["stored-zip", "tar"]),
    pages.old_protocol([]),
]
CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
EXAMPLE = "http://photos.test:7777/archive/<hash>/"
DEMO = "archive/3bea29ccabbbf64bdebcc055319c5745/"
ZIP = ("zip", ".zip")
TAR_GZ = ("tar.gz", ".tar.gz")


def home(demo_url: str | None = DEMO, formats: tuple[tuple[str, str], ...] = (ZIP,)) -> str:
    page = pages.home_page(
        example_url=EXAMPLE, demo_url=demo_url, formats=formats, upstream="http://127.0.0.1:7777"
    )
    return page.decode()


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


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: notice.title)
def test_error_page_as_html(notice: ErrorPage) -> None:
    page = pages.render_html(notice).decode()
    assert f"<title>{escape(notice.title)}</title>" in page
    assert f"<h1>{escape(notice.title)}</h1>" in page
    assert f"<p>{escape(notice.message)}</p>" in page
    assert str(notice.status) in page


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: notice.title)
def test_error_page_as_text(notice: ErrorPage) -> None:
    text = pages.render_text(notice)
    assert text == f"{notice.title}\n{notice.message}\n"
    assert text.count("\n") == 2
    assert len(text) < 250


def test_error_pages_have_the_status_of_their_name() -> None:
    statuses = [notice.status for notice in NOTICES]
    assert statuses == [400, 404, 405, 410, 412, 413, 416, 503, 500, 503, 400, 505, 505]


def test_error_page_escapes_markup() -> None:
    page = pages.render_html(ErrorPage(400, "<b>bold</b>", "<script>alert('&')</script>")).decode()
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in page.replace("&#39;", "&#x27;")


def test_unknown_format_page_lists_the_formats_and_the_default() -> None:
    message = pages.unknown_format(["zip", "tar.gz"]).message
    assert "zip, tar.gz" in message
    assert message.endswith("gives zip.")


def test_old_protocol_page_lists_working_formats() -> None:
    assert 'stored-zip, tar ("?format=stored-zip"' in pages.old_protocol(["stored-zip", "tar"]).message
    assert "format" not in pages.old_protocol([]).message


@pytest.mark.parametrize("name", sorted(os.listdir(TEMPLATES)))
def test_templates_load_no_external_resources(name: str) -> None:
    with open(os.path.join(TEMPLATES, name), encoding="utf-8") as file:
        source = file.read()
    assert set(re.findall(r"https?://[\w./:-]*", source)) <= {"http://www.w3.org/2000/svg"}
    # a link leads to what the page was given, or is the icon that is part of the page
    assert not [link for link in re.findall(r'href="([^"]*)', source) if not link.startswith(("{{", "data:"))]
    ways = r"<script(?!>)|<iframe|\bsrc=|@import|url\(|\bon\w+=|\{% (?:raw|autoescape)"
    assert not re.findall(ways, source)


def test_home_page_shows_a_link() -> None:
    page = home()
    assert "http://photos.test:7777/archive/&lt;hash&gt;/" in page
    assert "&lt;photos-dir&gt;/&lt;hash&gt;" in page


def test_home_page_shows_the_nginx_configuration_of_the_project() -> None:
    """Indented, to be copied. Without the log, whose format is outside the location."""
    file = (PROJECT / "config" / "nginx-location.conf").read_text()
    text = file.replace("http://tornado_archiver", "http://127.0.0.1:7777")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith(("#", "access_log"))]
    (shown,) = re.findall("<pre.*?><code>(location .*?)</code></pre>", home(), re.DOTALL)
    assert unescape(shown).splitlines() == lines


def test_home_page_with_demo_album_links_to_it() -> None:
    assert f'href="{DEMO}"' in home()


def test_home_page_without_demo_album_has_no_album_link() -> None:
    page = home(demo_url=None)
    assert "demo" not in page
    assert not re.search(r"\b[0-9a-f]{32}\b", page)


def test_home_page_with_one_format_has_no_format_table() -> None:
    page = home()
    assert "?format=" not in page
    assert "<code>.zip</code>" in page


def test_home_page_with_several_formats_lists_them_and_the_default() -> None:
    page = home(formats=(TAR_GZ, ZIP))
    assert "<strong>tar.gz</strong>" in page
    assert page.index("?format=tar.gz") < page.index("?format=zip")
    assert "<code>.tar.gz</code>" in page
    assert "<code>.zip</code>" in page


def test_home_page_escapes_the_host() -> None:
    url = pages.example_url("http", '"><script>alert(1)</script>')
    page = pages.home_page(example_url=url, demo_url=None, formats=[ZIP], upstream="http://127.0.0.1:7777")
    assert b"<script" not in page


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
    ],
)
def test_upstream_url_accepts_a_request(address: str, expected: str) -> None:
    assert pages.upstream_url(address, 7777) == expected
