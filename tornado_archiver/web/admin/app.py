"""The application of the admin endpoints, which runs in a separate process.

So it responds while all workers are busy.
"""

import socket
from collections.abc import Sequence

from tornado.httpserver import HTTPServer
from tornado.web import Application

from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.runtime.signals import WorkerSignals
from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.prometheus import PrometheusPage
from tornado_archiver.telemetry.readiness import Readiness
from tornado_archiver.telemetry.status import StatusReporter
from tornado_archiver.web.admin.handlers import (
    MetricsHandler,
    ReadinessHandler,
    StatusHandler,
    StatusJsonHandler,
)
from tornado_archiver.web.base_handler import HealthHandler, NotFoundHandler
from tornado_archiver.web.client import ProxyHeaders
from tornado_archiver.web.rendering.renderer import PageRenderer


async def serve_admin(
    app: "AdminApplication", sockets: Sequence[socket.socket], signals: WorkerSignals
) -> None:
    """Serve until a stop signal. Responses are short, so running ones are not drained."""
    server = HTTPServer(app)
    server.add_sockets(sockets)
    await signals.wait_stop(server.stop)
    await server.close_all_connections()


class AdminApplication(Application):
    """The admin endpoints. `metrics` and `scoreboard` are shared with all workers."""

    def __init__(self, metrics: Metrics, scoreboard: Scoreboard, readiness: Readiness) -> None:
        reporter = {"reporter": StatusReporter(metrics, scoreboard)}
        super().__init__(
            [
                ("/healthz", HealthHandler),
                ("/readyz", ReadinessHandler, {"readiness": readiness}),
                ("/metrics", MetricsHandler, {"prometheus": PrometheusPage(metrics, scoreboard)}),
                ("/status", StatusHandler, reporter),
                (r"/status\.json", StatusJsonHandler, reporter),
                ("/", StatusHandler, reporter),
            ],
            default_handler_class=NotFoundHandler,
            log_function=lambda handler: None,  # because the status page requests data every second
            proxies=ProxyHeaders((), warns=False),
            metrics=metrics,
            renderer=PageRenderer(),
        )
