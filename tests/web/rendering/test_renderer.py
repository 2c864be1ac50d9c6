"""Error pages and the home page with the built-in templates."""

import re
from html import escape, unescape

import pytest

from tests.helpers.servers import PROJECT
from tornado_archiver.web import pages
from tornado_archiver.web.pages import ErrorPage
from tornado_archiver.web.rendering.renderer import PageRenderer, Request, Site

REFERENCE = "4f2a91c07be35d68"
EXAMPLE = "http://photos.test:7777/archive/<hash>/"
DEMO = "archive/3bea29ccabbbf64bdebcc055319c5745/"
ZIP = ("zip", ".zip")
TAR_GZ = ("tar.gz", ".tar.gz")
EVERY_PAGE = pytest.mark.parametrize("page", pages.ERROR_PAGES.values(), ids=lambda page: page.key)


def error_page(
    page: ErrorPage, site: Site | None = None, retry_after_s: int | None = None, *, is_html: bool = True
) -> str:
    request = Request(REFERENCE, "photos.test:7777", is_html)
    return PageRenderer(site).error_page(page, request, retry_after_s).decode()


def home(
    demo_url: str | None = DEMO,
    formats: tuple[tuple[str, str], ...] = (ZIP,),
    problem: str = "",
    remedy: str = "",
) -> str:
    return (
        PageRenderer()
        .home_page(
            example_url=EXAMPLE,
            demo_url=demo_url,
            formats=formats,
            upstream="http://127.0.0.1:7777",
            problem=problem,
            remedy=remedy,
        )
        .decode()
    )


# Error pages


@EVERY_PAGE
def test_error_page_as_html(page: ErrorPage) -> None:
    text = error_page(page)
    assert f"<title>{escape(page.title)}</title>" in text
    assert f"<h1>{escape(page.title)}</h1>" in text
    assert f"<p>{escape(page.message)}</p>" in text
    assert f"Error {page.status}<br>Reference {REFERENCE}" in text
    assert not re.search("refresh|Try again</a>", text)


@EVERY_PAGE
def test_error_page_as_text(page: ErrorPage) -> None:
    text = error_page(page, is_html=False)
    assert text == f"{page.title}\n{page.message}\nReference: {REFERENCE}\n"
    assert len(text) < 300


@EVERY_PAGE
def test_error_page_without_a_site_shows_no_name(page: ErrorPage) -> None:
    for is_html in (True, False):
        assert "archiver" not in error_page(page, is_html=is_html).lower()
    assert "<header" not in error_page(page)


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (Site("Anna & Ben"), "<span>Anna &amp; Ben</span>"),
        (Site("Anna", "https://a.test/x?y=1&z"), '<a href="https://a.test/x?y=1&amp;z">Anna</a>'),
        (Site("", "https://a.test/x"), '<a href="https://a.test/x">a.test</a>'),
        (Site("Anna", "/"), '<a href="/">Anna</a>'),
        (Site("", "/start"), '<a href="/start">photos.test:7777</a>'),
    ],
    ids=["name", "both", "url", "name and path", "path"],
)
def test_error_page_shows_name_and_link_of_the_site(site: Site, expected: str) -> None:
    assert expected in error_page(pages.NOT_FOUND, site)


def test_error_page_with_retry_reloads_itself_and_has_a_link() -> None:
    text = error_page(pages.BUSY, retry_after_s=30)
    assert '<meta http-equiv="refresh" content="30">' in text
    assert '<a class="button" href="">Try again</a>' in text
    assert "automatically in 30 seconds" in text
    assert "automatically in 1 second." in error_page(pages.UPLOADING, retry_after_s=1)


def test_error_page_with_retry_as_text_names_the_time() -> None:
    assert "\nTry again in 30 s.\n" in error_page(pages.BUSY, retry_after_s=30, is_html=False)


def test_error_page_escapes_markup_in_html_only() -> None:
    page = ErrorPage("failed", 500, "<b>bold</b>", "<script>alert('&')</script>")
    html = error_page(page)
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in html.replace("&#39;", "&#x27;")
    assert "<script>alert('&')</script>" in error_page(page, is_html=False)


# Home page


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
    assert "<strong>.zip</strong> file" in page


def test_home_page_with_several_formats_lists_them_and_the_default() -> None:
    page = home(formats=(TAR_GZ, ZIP))
    assert "A plain link gives a <strong>.tar.gz</strong> file." in page
    assert page.index("?format=tar.gz") < page.index("?format=zip")
    assert "<code>.tar.gz</code>" in page
    assert "<code>.zip</code>" in page


def test_home_page_escapes_the_host() -> None:
    url = pages.example_url("http", '"><script>alert(1)</script>')
    page = PageRenderer().home_page(
        example_url=url, demo_url=None, formats=[ZIP], upstream="http://127.0.0.1:7777"
    )
    assert b"<script" not in page


def test_home_page_with_unreadable_photos_names_problem_and_remedy() -> None:
    page = home(problem="Permission denied", remedy="Give it <rights>.")
    assert "<h1>The photos cannot be read</h1>" in page
    assert "<strong>Permission denied</strong>" in page
    assert "Give it &lt;rights&gt;." in page
    assert "unning</p>" not in page
    assert "is running" not in page


def test_home_page_has_the_name_of_the_product() -> None:
    assert "<span>Tornado Archiver</span>" in home()
