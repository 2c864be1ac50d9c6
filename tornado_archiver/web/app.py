"""Which address leads to which handler."""

import re
from collections.abc import Sequence
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.ioloop import PeriodicCallback
from tornado.web import Application

from tornado_archiver.settings.types import Network
from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.web.access_log import log_request
from tornado_archiver.web.archive_handler import PREFIX, ArchiveHandler
from tornado_archiver.web.base_handler import HealthHandler, HomeHandler, NotFoundHandler
from tornado_archiver.web.client import ProxyHeaders
from tornado_archiver.web.net.stall_monitor import CHECK_INTERVAL_S, StallMonitor
from tornado_archiver.web.services import Services

# RFC 9112 3.2.2: what a client sends that takes us for its proxy, and everybody has to understand
_ABSOLUTE_FORM = re.compile(r"https?://[^/?]*", re.IGNORECASE)


class ArchiverApplication(Application):
    """`demo_url`: the link to the bundled album, None when that is not what is served. `upstream`: where a
    proxy on this machine reaches the service. `trusted_proxies`: whose word on the visitor's address counts.
    `stall_timeout_s`: seconds after which a visitor who takes nothing is cut, 0 for never."""

    def __init__(
        self,
        service: Services,
        *,
        metrics: Metrics | None = None,
        demo_url: str | None,
        upstream: str,
        trusted_proxies: Sequence[Network] = (),
        stall_timeout_s: float = 0,
    ) -> None:
        scoreboard = service.admission.scoreboard
        metrics = metrics or Metrics(scoreboard.workers)
        self._stall_monitor = StallMonitor(scoreboard, stall_timeout_s, metrics.sent)
        self._stall_timer = PeriodicCallback(self._stall_monitor.check, CHECK_INTERVAL_S * 1000)
        super().__init__(
            [
                ("/", HomeHandler, {"service": service, "demo_url": demo_url, "upstream": upstream}),
                ("/healthz", HealthHandler),
                # matched raw: `source_hash` decides what may stand behind it, all else is the same 404
                (f"{PREFIX}.*", ArchiveHandler, {"service": service, "watch": self._stall_monitor}),
            ],
            default_handler_class=NotFoundHandler,
            log_function=log_request,
            proxies=ProxyHeaders(trusted_proxies),
            metrics=metrics,
        )

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Tornado's hook, for each request."""
        if form := _ABSOLUTE_FORM.match(request.uri or ""):
            request.uri = "/" + (request.uri or "")[form.end() :].removeprefix("/")
            request.path = request.uri.partition("?")[0]
        return super().find_handler(request, **kwargs)

    def start(self) -> None:
        """Begin to look after the downloads, in the running event loop."""
        self._stall_timer.start()

    def abort_downloads(self) -> None:
        """Cut every download that is running."""
        self._stall_timer.stop()
        self._stall_monitor.stop()
