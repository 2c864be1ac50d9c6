"""Templates of the site's owner: which are used, and which mistakes stop the start."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT
from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.options import Settings
from tornado_archiver.web import pages
from tornado_archiver.web.rendering.loader import TemplateLoader
from tornado_archiver.web.rendering.own_templates import create_renderer
from tornado_archiver.web.rendering.renderer import PageRenderer, Request

HTML, TEXT = (Request("4f2a91c07be35d68", "photos.test", is_html) for is_html in (True, False))
DOCUMENTATION = (PROJECT / "docs" / "pages.md").read_text("utf-8")


def renderer(directory: Path, **templates: str) -> PageRenderer:
    """Create a renderer with these templates, whose names have _ in place of . and -."""
    for name, text in templates.items():
        (directory / name.replace("__", "-").replace("_html", ".html").replace("_txt", ".txt")).write_text(
            text
        )
    return create_renderer(settings(directory))


def settings(directory: Path) -> Settings:
    origins = {**Settings().origins, "templates_dir": "flag --templates-dir"}
    return Settings(templates_dir=directory, site_name="Anna & Ben", origins=origins)


def error_page(templates: PageRenderer, page: pages.ErrorPage, request: Request = HTML) -> str:
    return templates.error_page(page, request).decode()


# Which template is used


def test_template_of_a_page_replaces_that_page_only(tmp_path: Path) -> None:
    own = renderer(
        tmp_path, busy_html="<p>voll: {{ key }} {{ status }}</p>", error_html="<p>Fehler {{ title }}</p>"
    )
    assert error_page(own, pages.BUSY) == "<p>voll: busy 503</p>"
    assert error_page(own, pages.EXPIRED) == "<p>Fehler This link has expired</p>"
    assert error_page(own, pages.BUSY, TEXT).startswith("Too many downloads")


def test_text_template_is_not_escaped_and_html_template_is(tmp_path: Path) -> None:
    own = renderer(tmp_path, error_txt="{{ site_name }}", error_html="{{ site_name }}")
    assert error_page(own, pages.BUSY, TEXT) == "Anna & Ben"
    assert error_page(own, pages.BUSY) == "Anna &amp; Ben"


def test_template_extends_the_built_in_base(tmp_path: Path) -> None:
    own = renderer(
        tmp_path,
        not__found_html='{% extends "base.html" %}{% block lang %}fr{% end %}{% block content %}Non{% end %}',
    )
    page = error_page(own, pages.NOT_FOUND)
    assert '<html lang="fr">' in page
    assert "Non" in page
    assert "<span>Anna &amp; Ben</span>" in page


def test_base_template_changes_all_pages_and_can_extend_the_built_in_one(tmp_path: Path) -> None:
    own = renderer(
        tmp_path, base_html='{% extends "builtin/base.html" %}{% block head %}<style>b{}</style>{% end %}'
    )
    home = own.home_page(example_url="", demo_url=None, formats=[("zip", ".zip")], upstream="").decode()
    for page in (error_page(own, pages.EXPIRED), home):
        assert "<style>b{}</style>" in page
        assert "<h1>" in page


def test_part_of_a_template_is_included(tmp_path: Path) -> None:
    own = renderer(tmp_path, _logo_html="<i>logo</i>", error_html='{% include "_logo.html" %}{{ reference }}')
    assert error_page(own, pages.BUSY) == "<i>logo</i>4f2a91c07be35d68"


def test_hidden_and_junk_files_are_not_templates(tmp_path: Path) -> None:
    (tmp_path / ".error.html.swp").write_bytes(b"\xff")
    (tmp_path / "Thumbs.db").touch()
    assert error_page(renderer(tmp_path, error_html="x"), pages.BUSY) == "x"


def test_template_with_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "error.html").write_text("\ufeffGrüße", "utf-8")
    assert error_page(renderer(tmp_path), pages.BUSY) == "Grüße"


def test_template_that_fails_later_is_replaced_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = renderer(tmp_path, error_html="{% if retry_after_s == 7 %}{{ nothing }}{% end %}")
    page = own.error_page(pages.UPLOADING, HTML, 7).decode()
    assert f"<h1>{pages.UPLOADING.title}</h1>" in page
    (line,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
    assert line == (
        "template failed, sending the built-in page: line 1 of error.html: NameError:"
        " name 'nothing' is not defined"
    )


# Mistakes


@pytest.mark.parametrize(
    ("templates", "problem"),
    [
        (
            {"error_html": "a\nb\n{{ titel }}"},
            "line 3 of '{}/error.html' {}: NameError: name 'titel' is not defined",
        ),
        ({"busy_html": "{% if status %}\nx"}, "line 1 of '{}/busy.html' {}: Missing {% end %} block for if"),
        ({"busy_html": "\n{{ 1 + }}"}, "line 2 of '{}/busy.html' {}: invalid syntax"),
        ({"busy_html": "\n{{ title "}, "line 2 of '{}/busy.html' {}: Missing end expression }}"),
        ({"error_txt": "\n{{ 1 / 0 }}"}, "line 2 of '{}/error.txt' {}: ZeroDivisionError: division by zero"),
        (
            {"error_html": "{% if retry_after_s is not None %}\n{{ x }}{% end %}"},
            "line 2 of '{}/error.html' {}: NameError: name 'x' is not defined",
        ),
        (
            {"error_html": "{% if key == 'expired' %}\n{{ x }}{% end %}"},
            "line 2 of '{}/error.html' {}: NameError: name 'x' is not defined",
        ),
        ({"home_html": "\n{{ hash }}{{ bogus }}"}, "line 2 of '{}/home.html' {}: NameError: name 'bogus'"),
        (
            {"error_html": '\n{% include "_x.html" %}'},
            "line 2 of '{}/error.html' {}: there is no template '_x.html'",
        ),
        (
            {"error_html": '{% extends "../../etc/passwd" %}'},
            "line 1 of '{}/error.html' {}: there is no template '../../etc/passwd'",
        ),
        ({"base_html": '{% extends "base.html" %}'}, "'{}/base.html' {}: it extends or includes itself"),
        (
            {"_part_html": "\n\n{{ x }}", "error_html": '{% include "_part.html" %}'},
            "line 3 of '{}/_part.html' {}: NameError",
        ),
        (
            {"base_html": "\n{{ x }}{% block content %}{% end %}"},
            "line 2 of '{}/base.html' {}: NameError: name 'x' is not defined",
        ),
        ({"_unused_html": "\n{% endif %}"}, "line 2 of '{}/_unused.html' {}: unknown operator: 'endif'"),
        ({"error_txt": "{{ ().throw(1) }}"}, "line 1 of '{}/error.txt' {}: AttributeError: "),
        (
            {"error_html": "{{ (_ for _ in ()).throw(ValueError('a\\nb')) }}"},
            "line 1 of '{}/error.html' {}: ValueError: a b",
        ),
        ({"error_html": "{{ int('a', key) }}"}, "line 1 of '{}/error.html' {}: TypeError: "),
        ({"erorr_html": ""}, "'{}/erorr.html' {} is not the name of a template, did you mean error.html?"),
        (
            {"expirerd_txt": ""},
            "'{}/expirerd.txt' {} is not the name of a template, did you mean expired.txt?",
        ),
        (
            {"style.css": ""},
            "'{}/style.css' {} is not the name of a template, allowed: base.html, home.html, ",
        ),
    ],
    ids=lambda value: next(iter(value.items()))[1][:30] if isinstance(value, dict) else "",
)
def test_mistake_in_a_template_stops_the_start_with_file_and_line(
    tmp_path: Path, templates: dict[str, str], problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SettingsError) as caught:
        renderer(tmp_path, **templates)
    place = "templates-dir: " + problem.replace("{}", str(tmp_path), 1).replace(
        "{}", "(flag --templates-dir)", 1
    )
    assert str(caught.value).startswith(place)
    assert "\n" not in str(caught.value)
    assert not caplog.records, "Tornado logs the Python code of a template"


def test_template_that_is_not_utf8_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "error.html").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(
        SettingsError, match=r"error\.html' \(flag --templates-dir\) cannot be read: not text in UTF-8"
    ):
        renderer(tmp_path)


def test_directory_in_place_of_a_template_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "error.html").mkdir()
    with pytest.raises(SettingsError, match=r"error\.html' .* cannot be read: Is a directory"):
        renderer(tmp_path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("none", "cannot be read: No such file"), ("empty", "has no templates, allowed: base.html")],
)
def test_directory_without_templates_stops_the_start(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        SettingsError, match=rf"templates-dir: '.*/{name}' \(flag --templates-dir\) {problem}"
    ):
        create_renderer(settings(tmp_path / name))


# Documentation


def documented() -> dict[str, str]:
    """Return the example templates of docs/pages.md by file name."""
    found = re.findall(r"^`([\w.]+)`:\n\n```html\n(.*?)^```$", DOCUMENTATION, re.MULTILINE | re.DOTALL)
    return dict(found)


def test_documented_example_renders_every_page_in_german(tmp_path: Path) -> None:
    for name, text in documented().items():
        (tmp_path / name).write_text(text, "utf-8")
    own = create_renderer(settings(tmp_path))
    for page in pages.ERROR_PAGES.values():
        text = own.error_page(page, HTML, 30).decode()
        assert '<html lang="de">' in text
        assert page.title not in text, f"{page.key} is not translated"
        assert page.message not in text
        assert "Noch einmal versuchen" in text
        assert "Anna &amp; Ben" in text
        assert HTML.reference in text
    assert "Dieser Link ist abgelaufen" in own.error_page(pages.EXPIRED, TEXT).decode()


def test_documentation_lists_every_page_and_variable() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d{3}) \|", DOCUMENTATION, re.MULTILINE)
    assert rows == [(page.key, str(page.status)) for page in pages.ERROR_PAGES.values()]
    for name, variables in rendered_variables().items():
        section = DOCUMENTATION.partition(f"### Variables of {name}")[2].partition("\n#")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(variables)


def rendered_variables() -> dict[str, Mapping[str, object]]:
    """Return the variables of error templates and of the home page."""
    given: list[Mapping[str, object]] = []

    class Loader(TemplateLoader):
        def render(self, name: str, variables: Mapping[str, object]) -> bytes:
            given.append(variables)
            return super().render(name, variables)

    own = PageRenderer(loader=Loader({}))
    own.error_page(pages.BUSY, HTML)
    own.home_page(example_url="", demo_url=None, formats=[("zip", ".zip")], upstream="")
    return {"error pages": given[0], "the home page": given[1]}
