"""Renders the error pages, in HTML or as text, the home page and the status page."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tornado_archiver import __version__
from tornado_archiver.telemetry.client_groups import group_by_client
from tornado_archiver.telemetry.status import Status, format_bytes, format_duration, format_time
from tornado_archiver.web.pages import ErrorPage
from tornado_archiver.web.rendering.loader import BUILT_IN, TemplateError, TemplateLoader

log = logging.getLogger(__name__)

_MAX_CARDS = 10  # of downloads on the status page


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
        """Return the page in UTF-8, HTML or text. `retry_after_s`: seconds until it tries again, or None.

        docs/pages.md describes the variables.
        """
        kind = "html" if request.is_html else "txt"
        variables = {
            "key": page.key,
            "status": page.status,
            "title": page.title,
            "message": page.message,
            "formats": page.formats,
            "reference": request.reference,
            "retry_after_s": retry_after_s,
            "site_name": self.site.shown_name(request.host),
            "site_url": self.site.url,
        }
        return self._render([f"{page.key}.{kind}", f"error.{kind}"], variables)

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
            **self._base_variables(),
        }
        return self._render(["home.html"], variables)

    def status_page(self, status: Status) -> bytes:
        """Return the status page in UTF-8. More than _MAX_CARDS downloads are grouped by client."""
        variables = {
            "status": status,
            "version": __version__,
            "groups": group_by_client(status.downloads) if len(status.downloads) > _MAX_CARDS else [],
            "format_bytes": format_bytes,
            "format_duration": format_duration,
            "format_time": format_time,
            **self._base_variables(),
        }
        return self._render(["status.html"], variables)

    def _base_variables(self) -> dict[str, object]:
        """Return the variables of base.html on a page that is not an error."""
        return {"retry_after_s": None, "site_name": self.site.name, "site_url": self.site.url}

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
