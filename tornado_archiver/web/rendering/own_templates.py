"""Templates of the site's owner: read from the directory in the setting templates-dir, and checked.

The check renders each page with sample values, so that a mistake is reported before a user needs the page.
"""

import itertools
import os
import re
from pathlib import Path

from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.options import Settings
from tornado_archiver.settings.readers.files import read_text
from tornado_archiver.settings.similar import did_you_mean
from tornado_archiver.sources.filter import is_never_served
from tornado_archiver.web.pages import ERROR_PAGES
from tornado_archiver.web.rendering.loader import TemplateError, TemplateLoader
from tornado_archiver.web.rendering.renderer import PageRenderer, Request, Site

_KINDS = ("html", "txt")
_NAMES = ("base.html", "home.html", *(f"{key}.{kind}" for key in ("error", *ERROR_PAGES) for kind in _KINDS))
_PARTIAL = re.compile(r"_\w+\.(html|txt)")
_ALLOWED = (
    f"base.html, home.html, error.html, error.txt, these keys with .html or .txt: {', '.join(ERROR_PAGES)};"
    " and parts of templates, which begin with _"
)
_SAMPLE_FORMATS = (("stored-zip", ".zip"), ("tar.gz", ".tar.gz"))


def create_renderer(settings: Settings) -> PageRenderer:
    """Return the renderer that the settings describe. Raise SettingsError for a template with a mistake."""
    site = Site(settings.site_name, settings.site_url)
    if settings.templates_dir is None:
        return PageRenderer(site)
    where = f"({settings.origins['templates_dir']})"
    loader = TemplateLoader(_read(settings.templates_dir, where))
    try:
        _render_samples(PageRenderer(site, loader, is_strict=True))
    except TemplateError as error:
        file = str(settings.templates_dir / error.name) if error.name in loader.own else error.name
        line = f"line {error.line} of " * bool(error.line)
        raise SettingsError(f"templates-dir: {line}{file!r} {where}: {error.problem}") from None
    return PageRenderer(site, loader)


def _read(directory: Path, where: str) -> dict[str, str]:
    """Return the texts of all templates in the directory by name."""

    def label(name: str = "") -> str:
        return f"templates-dir: {str(directory / name)!r} {where}"

    try:
        names = sorted(name for name in os.listdir(directory) if not is_never_served(os.fsencode(name)))
    except OSError as error:
        raise SettingsError(f"{label()} cannot be read: {error.strerror}") from None
    if not names:
        raise SettingsError(f"{label()} has no templates, allowed: {_ALLOWED}")
    for name in names:
        if name not in _NAMES and not _PARTIAL.fullmatch(name):
            hint = did_you_mean(name, _NAMES, otherwise=f"allowed: {_ALLOWED}")
            raise SettingsError(f"{label(name)} is not the name of a template, {hint}")
    return {name: read_text(directory / name, label(name)) for name in names}


def _render_samples(renderer: PageRenderer) -> None:
    """Load every template, and render every page with sample values. Raise TemplateError."""
    for name in renderer.loader.own:
        renderer.loader.check(name)
    for is_html, retry_after_s in itertools.product((True, False), (None, 30)):
        request = Request("4f2a91c07be35d68", "photos.example.com", is_html)
        for page in ERROR_PAGES.values():
            renderer.error_page(page, request, retry_after_s)
    for problem, demo_url in itertools.product(("", "Permission denied"), (None, "archive/demo/")):
        renderer.home_page(
            example_url="https://photos.example.com/archive/<hash>/",
            demo_url=demo_url,
            formats=_SAMPLE_FORMATS,
            upstream="http://127.0.0.1:7777",
            problem=problem,
            remedy=problem,
        )
