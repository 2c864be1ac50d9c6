"""Renders the error pages, in HTML or as text, and the home page."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tornado_archiver.web.pages import ErrorPage
from tornado_archiver.web.rendering.loader import BUILT_IN, TemplateError, TemplateLoader

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """Name and URL of the site on error pages; "" for none."""

    name: str = ""
    url: str = ""

    def shown_name(self, host: str) -> str:
        """Return the name, else the host of the URL. `host`: that of the request, for a URL without one."""
        return self.name or (self.url and (urlsplit(self.url).netloc or host))


@dataclass(frozen=True, slots=True)
class Request:
    """Facts of a request on its error page: its id, its Host header, and whether it prefers HTML."""

    reference: str
    host: str
    is_html: bool


class PageRenderer:
    """Renders pages for `site` with the templates of `loader`.

    After a mistake in a template of the site's owner, `is_strict` raises TemplateError. Otherwise the
    built-in template is used.
    """

    def __init__(
        self, site: Site | None = None, loader: TemplateLoader | None = None, *, is_strict: bool = False
    ) -> None:
        self.site = site or Site()
        self.loader = loader or TemplateLoader({})
        self._is_strict = is_strict

    def error_page(self, page: ErrorPage, request: Request, retry_after_s: int | None = None) -> bytes:
        """Return the page in UTF-8, HTML or text. `retry_after_s`: seconds until it tries again, or None."""
        kind = "html" if request.is_html else "txt"
        names = [f"{page.key}.{kind}", f"error.{kind}"]
        return self._render(names, error_variables(page, request, retry_after_s, self.site))

    def home_page(
        self,
        *,
        example_url: str,
        demo_url: str | None,
        formats: Sequence[tuple[str, str]],
        upstream: str,
        problem: str = "",
        remedy: str = "",
    ) -> bytes:
        """Return the home page in UTF-8.

        `example_url`: archive link with a placeholder for the hash. `demo_url`: link to the bundled album,
        None if it is not served. `formats`: name and suffix of each format, the default first. `upstream`:
        URL of this service for nginx. `problem` and `remedy`: why the photos cannot be read, "" if they can.
        """
        variables = {
            "example_url": example_url,
            "demo_url": demo_url,
            "formats": formats,
            "upstream": upstream,
            "problem": problem,
            "remedy": remedy,
            "retry_after_s": None,
            "site_name": self.site.name,
            "site_url": self.site.url,
        }
        return self._render(["home.html"], variables)

    def _render(self, names: Sequence[str], variables: Mapping[str, object]) -> bytes:
        """Render the first of these templates that the owner has, else the built-in one, the last."""
        name = next((name for name in names if name in self.loader.own), names[-1])
        try:
            return self.loader.render(name, variables)
        except TemplateError as error:
            if self._is_strict:
                raise
            # the check at the start has not seen these values
            log.error("template failed, sending the built-in page: %s", error)
            return TemplateLoader({}).render(BUILT_IN + names[-1], variables)


def error_variables(
    page: ErrorPage, request: Request, retry_after_s: int | None, site: Site
) -> dict[str, object]:
    """Return the variables of an error template; docs/pages.md describes them."""
    return {
        "key": page.key,
        "status": page.status,
        "title": page.title,
        "message": page.message,
        "formats": page.formats,
        "reference": request.reference,
        "retry_after_s": retry_after_s,
        "site_name": site.shown_name(request.host),
        "site_url": site.url,
    }
