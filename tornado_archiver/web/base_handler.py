"""What all answers have in common: their headers, how they fail, what is told about them in the log."""

import logging
import traceback
from functools import cached_property
from types import TracebackType
from typing import Any, cast

from tornado.web import HTTPError, RequestHandler

from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.transfer import Outcome, Transfer
from tornado_archiver.web import access_log, pages
from tornado_archiver.web.client import ProxyHeaders
from tornado_archiver.web.error_pages import ResponseError, page_for
from tornado_archiver.web.services import Services

log = logging.getLogger(__name__)

METHODS = ("GET", "HEAD")


class BaseHandler(RequestHandler):
    """Every answer carries the request's id, and leaves a record."""

    SUPPORTED_METHODS = METHODS
    access_logged = True

    @cached_property
    def transfer(self) -> Transfer:
        """What is known of this request."""
        return cast(ProxyHeaders, self.settings["proxies"]).new_transfer(self.request)

    @property
    def metrics(self) -> Metrics:
        return cast(Metrics, self.settings["metrics"])

    def set_default_headers(self) -> None:
        self.set_header("X-Request-ID", self.transfer.request_id)
        self.clear_header("Server")  # its version is nobody's business
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header(
            "X-Robots-Tag", "noindex, nofollow"
        )  # links are secret: no response is for a search engine

    def compute_etag(self) -> str | None:
        return None  # a hash of what happens to be in the buffer validates nothing

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        page = page_for(error, status_code)
        self.transfer.outcome = Outcome.REJECTED
        self.transfer.reason = (isinstance(error, ResponseError) and error.reason) or _default_reason(
            status_code
        )
        self.set_status(status_code)  # Tornado has put the error's reason into the status line
        # an error page has no validator to ask with, and a cache may keep a 404, 405 or 410 (RFC 9110 15.1)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Accept")
        if isinstance(error, ResponseError):
            for name, value in error.headers.items():
                self.set_header(name, value)
        if status_code == pages.METHOD_NOT_ALLOWED.status:
            self.set_header("Allow", ", ".join(METHODS))  # RFC 9110 15.5.6 demands it
        if pages.prefers_html(self.request.headers.get("Accept", "")):
            self.send_text("text/html", pages.render_html(page))
        else:
            self.send_text("text/plain", pages.render_text(page).encode())

    def send_text(self, media_type: str, body: bytes) -> None:
        """Finish with a whole text in UTF-8."""
        self.set_header("Content-Type", f"{media_type}; charset=utf-8")
        self.transfer.bytes_sent = 0 if self.request.method == "HEAD" else len(body)
        self.finish(body)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """One line for what went wrong on our side, with a traceback only for what nobody foresaw.

        Tornado's own would write the link, and with it the key to the directory.
        """
        summary = access_log.request_line(self.request)
        if isinstance(value, ResponseError) and value.log_text:
            log.error("%s: %s", summary, value.log_text)
        elif not isinstance(value, HTTPError):
            text = "".join(traceback.format_exception(typ, value, tb))
            log.error("%s: %s", summary, access_log.redact(text, self.request))


def _default_reason(status: int) -> str:
    return "internal" if status >= 500 else "bad request"


class NotFoundHandler(BaseHandler):
    """Every address that leads nowhere."""

    def prepare(self) -> None:
        raise ResponseError(pages.NOT_FOUND, reason="not found")


class HealthHandler(BaseHandler):
    access_logged = False  # who probes, probes every few seconds

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.send_text("text/plain", b"ok\n")

    head = get


class HomeHandler(BaseHandler):
    def initialize(self, service: Services, demo_url: str | None, upstream: str) -> None:
        self._service = service
        self._demo_url = demo_url
        self._upstream = upstream

    def get(self) -> None:
        self.set_header("Cache-Control", "no-cache")
        self.send_text(
            "text/html",
            pages.home_page(
                example_url=pages.example_url(self.request.protocol, self.request.host),
                demo_url=self._demo_url,
                formats=[(backend.name, backend.extension) for backend in self._service.backends],
                upstream=self._upstream,
            ),
        )

    head = get
