"""The admin's pages, in a process of their own: they answer while the workers are busy."""

import socket
from collections.abc import Sequence

from tornado.httpserver import HTTPServer
from tornado.web import Application

from tornado_archiver.ledger import Ledger
from tornado_archiver.runtime.signals import WorkerSignals
from tornado_archiver.web.admin.handlers import (
    MetricsHandler,
    ReadinessHandler,
    StatusHandler,
    StatusJsonHandler,
)
from tornado_archiver.web.base_handler import HealthHandler, NotFoundHandler
from tornado_archiver.web.client import ProxyHeaders
from tornado_archiver.web.exposition import Exposition
from tornado_archiver.web.metrics import Metrics
from tornado_archiver.web.readiness import Readiness
from tornado_archiver.web.status import Observer


async def serve_admin(
    app: "AdminApplication", sockets: Sequence[socket.socket], orders: WorkerSignals
) -> None:
    """Serve until told to stop. Whoever asks gets his answer at once, so nobody is waited for."""
    server = HTTPServer(app)
    server.add_sockets(sockets)
    await orders.wait_stop(server.stop)
    await server.close_all_connections()


class AdminApplication(Application):
    """`metrics` and `ledger` are those that all workers share."""

    def __init__(self, metrics: Metrics, ledger: Ledger, readiness: Readiness) -> None:
        status_reporter = {"status_reporter": Observer(metrics, ledger)}
        super().__init__(
            [
                ("/healthz", HealthHandler),
                ("/readyz", ReadinessHandler, {"readiness": readiness}),
                ("/metrics", MetricsHandler, {"exposition": Exposition(metrics, ledger)}),
                ("/status", StatusHandler, status_reporter),
                (r"/status\.json", StatusJsonHandler, status_reporter),
                ("/", StatusHandler, status_reporter),
            ],
            default_handler_class=NotFoundHandler,
            log_function=lambda handler: None,  # a page that asks every second would fill the log
            proxies=ProxyHeaders((), warns=False),
            metrics=metrics,
        )
