"""The public application: URL routing to the handlers, and its shared settings."""

import re
from collections.abc import Sequence
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.ioloop import PeriodicCallback
from tornado.routing import PathMatches, Rule
from tornado.web import Application

from tornado_archiver.settings.types import Network
from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.photos import PhotosProbe
from tornado_archiver.web.archive.archive_handler import ArchiveHandler
from tornado_archiver.web.archive.info_handler import InfoHandler
from tornado_archiver.web.archive.link_handler import PREFIX
from tornado_archiver.web.base_handler import BaseHandler, HealthHandler, HomeHandler, NotFoundHandler
from tornado_archiver.web.client import ProxyHeaders
from tornado_archiver.web.net.stall_monitor import CHECK_INTERVAL_S, StallMonitor
from tornado_archiver.web.services import Services

# RFC 9112 3.2.2: the form of a request to a proxy, which every server must accept
_ABSOLUTE_FORM = re.compile(r"https?://[^/?]*", re.IGNORECASE)


class _InfoMatches(PathMatches):
    """Matches a path with `?info`."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return super().match(request) if "info" in request.query_arguments else None


class ArchiverApplication(Application):
    """The routes and settings of the public server.

    `photos`: reports whether the photos directory can be read. `upstream`: URL of the service for a
    proxy on the same host. `trusted_proxies`: networks whose `X-Forwarded-For` is used. `cors_origins`: web
    sites whose scripts are allowed to read `?info`. `stall_timeout_s`: seconds after which a download whose
    client reads nothing is aborted, 0 for no limit.
    """

    def __init__(
        self,
        services: Services,
        *,
        metrics: Metrics | None = None,
        photos: PhotosProbe,
        upstream: str,
        trusted_proxies: Sequence[Network] = (),
        cors_origins: Sequence[str] = (),
        stall_timeout_s: float = 0,
    ) -> None:
        scoreboard = services.admission.scoreboard
        metrics = metrics or Metrics(scoreboard.workers)
        self._stall_monitor = StallMonitor(scoreboard, stall_timeout_s, metrics.sent)
        self._stall_timer = PeriodicCallback(self._stall_monitor.check, CHECK_INTERVAL_S * 1000)
        super().__init__(
            [
                ("/", HomeHandler, {"services": services, "photos": photos, "upstream": upstream}),
                ("/healthz", HealthHandler),
                # `parse_link` validates the undecoded rest, so that each invalid path gets the same 404
                Rule(_InfoMatches(f"{PREFIX}.*"), InfoHandler, {"services": services}),
                (f"{PREFIX}.*", ArchiveHandler, {"services": services}),
            ],
            default_handler_class=NotFoundHandler,
            log_function=BaseHandler.log_access,
            proxies=ProxyHeaders(trusted_proxies),
            stall_monitor=self._stall_monitor,
            cors_origins=cors_origins,
            metrics=metrics,
            renderer=services.renderer,
        )

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Find the handler after reducing the absolute form of a target. Tornado calls it per request."""
        if form := _ABSOLUTE_FORM.match(request.uri or ""):
            request.uri = "/" + (request.uri or "")[form.end() :].removeprefix("/")
            request.path = request.uri.partition("?")[0]
        return super().find_handler(request, **kwargs)

    def start(self) -> None:
        """Start to check the downloads for stalls, in the running event loop."""
        self._stall_timer.start()

    def abort_downloads(self) -> None:
        """Abort every running download."""
        self._stall_timer.stop()
        self._stall_monitor.stop()
