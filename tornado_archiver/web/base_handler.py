"""The base class of all request handlers, and the handlers of `/`, `/healthz` and unknown paths."""

import logging
import traceback
from functools import cached_property
from types import TracebackType
from typing import Any, cast

from tornado.web import HTTPError, RequestHandler

from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.photos import DEMO_ALBUM, PhotosProbe
from tornado_archiver.telemetry.transfer import Outcome, Transfer
from tornado_archiver.web import access_log, pages
from tornado_archiver.web.client import ProxyHeaders
from tornado_archiver.web.error_pages import ResponseError, as_response_error
from tornado_archiver.web.rendering.renderer import PageRenderer, Request
from tornado_archiver.web.services import Services

log = logging.getLogger(__name__)

METHODS = ("GET", "HEAD")


class BaseHandler(RequestHandler):
    """Common headers, error pages and error log; each request has a `Transfer`."""

    SUPPORTED_METHODS = METHODS
    access_logged = True

    @cached_property
    def transfer(self) -> Transfer:
        """The state of this request, for log, metrics and status page."""
        return cast(ProxyHeaders, self.settings["proxies"]).new_transfer(self.request)

    @property
    def metrics(self) -> Metrics:
        return cast(Metrics, self.settings["metrics"])

    @property
    def renderer(self) -> PageRenderer:
        return cast(PageRenderer, self.settings["renderer"])

    def set_default_headers(self) -> None:
        self.set_header("X-Request-ID", self.transfer.request_id)
        self.clear_header("Server")  # because its version helps attackers only
        self.set_header("X-Content-Type-Options", "nosniff")
        # because links are secret and must not be in a search engine
        self.set_header("X-Robots-Tag", "noindex, nofollow")

    def compute_etag(self) -> str | None:
        return None  # because a hash of the output buffer does not identify the response

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = as_response_error(kwargs.get("exc_info", (None, None, None))[1], status_code)
        self.transfer.outcome, self.transfer.error_status = Outcome.REJECTED, status_code
        self.transfer.reason = error.reason or _default_reason(status_code)
        self.set_status(status_code)  # because Tornado has put the reason of the error into the status line
        # an error page has no validator, and caches may store a 404, 405 or 410 (RFC 9110 15.1)
        self.set_header("Cache-Control", "no-store")
        self.add_header("Vary", "Accept")
        for name, value in error.headers.items():
            self.set_header(name, value)
        if status_code == pages.METHOD_NOT_ALLOWED.status:
            self.set_header("Allow", ", ".join(METHODS))  # RFC 9110 15.5.6
        is_html = pages.prefers_html(self.request.headers.get("Accept", ""))
        request = Request(self.transfer.request_id, self.request.host, is_html)
        body = self.renderer.error_page(error.page, request, error.retry_after_s)
        self.send_text("text/html" if is_html else "text/plain", body)

    def send_text(self, media_type: str, body: bytes) -> None:
        """Finish the response with `body`, a text in UTF-8."""
        self.set_header("Content-Type", f"{media_type}; charset=utf-8")
        self.transfer.bytes_sent = 0 if self.request.method == "HEAD" else len(body)
        self.finish(body)

    def log_access(self) -> None:
        """Log the finished request. `ArchiverApplication` has Tornado call this."""
        if self.access_logged:
            access_log.log_request(self.request, self.get_status(), self.transfer)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log a server error in one line, with a traceback only for an unexpected exception.

        Tornado's own method would log the link, and so the hash.
        """
        if isinstance(value, ResponseError) and value.log_text:
            self.log_error(value.log_text)
        elif not isinstance(value, HTTPError):
            text = "".join(traceback.format_exception(typ, value, tb))
            self.log_error(access_log.redact(text, self.request))

    def log_error(self, text: str) -> None:
        """Log an error with the reference that its page shows."""
        log.error(
            "%s: %s (reference %s)",
            access_log.request_line(self.request),
            text.rstrip("\n"),
            self.transfer.request_id,
            extra={"fields": {"request_id": self.transfer.request_id}},
        )


class NotFoundHandler(BaseHandler):
    """Handler of unknown paths."""

    def prepare(self) -> None:
        raise ResponseError(pages.NOT_FOUND, reason="not found")


class HealthHandler(BaseHandler):
    """Handler of `/healthz`, the liveness probe."""

    access_logged = False  # because probes come every few seconds

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.send_text("text/plain", b"ok\n")

    head = get


class HomeHandler(BaseHandler):
    """Handler of `/`, the home page."""

    def initialize(self, services: Services, photos: PhotosProbe, upstream: str) -> None:
        self._services = services
        self._photos = photos
        self._upstream = upstream

    async def get(self) -> None:
        state = await self._photos.state()
        if state.problem:
            # like each link; so a proxy or a monitor that asks for "/" detects it
            self.set_status(503)
        has_demo = state.has_demo and self._services.link_keys is None
        self.set_header("Cache-Control", "no-cache")
        self.send_text(
            "text/html",
            self.renderer.home_page(
                example_url=pages.example_url(self.request.protocol, self.request.host),
                demo_url=f"archive/{DEMO_ALBUM}/" if has_demo else None,
                formats=[(backend.name, backend.extension) for backend in self._services.backends],
                upstream=self._upstream,
                problem=state.problem,
                remedy=state.remedy,
            ),
        )

    head = get


def _default_reason(status: int) -> str:
    return "internal" if status >= 500 else "bad request"
