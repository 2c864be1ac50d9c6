"""The handlers of the admin endpoints: readiness, metrics and status. They are not public."""

import re
from base64 import b64encode
from hashlib import sha256

from tornado.escape import json_encode

from tornado_archiver.telemetry.prometheus import PrometheusPage
from tornado_archiver.telemetry.readiness import Readiness
from tornado_archiver.telemetry.status import StatusReporter, as_json
from tornado_archiver.web.base_handler import BaseHandler

_INLINE = re.compile(rb"<(style|script)>(.*?)</\1>", re.DOTALL)


class AdminHandler(BaseHandler):
    """Base class of the admin endpoints, whose responses must not be cached."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")


class ReadinessHandler(AdminHandler):
    """Handler of `/readyz`: 200, or 503 with one line for each problem."""

    def initialize(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def get(self) -> None:
        problems = await self._readiness.problems()
        if problems:
            self.set_status(503)
        self.send_text("text/plain", "".join(f"{line}\n" for line in problems or ["ready"]).encode())

    head = get


class MetricsHandler(AdminHandler):
    """Handler of `/metrics`, in the Prometheus format."""

    def initialize(self, prometheus: PrometheusPage) -> None:
        self._prometheus = prometheus

    def get(self) -> None:
        page, media_type = self._prometheus.page(self.request.headers.get("Accept", ""))
        self.send_text(media_type.replace("; charset=utf-8", ""), page)

    head = get


class StatusHandler(AdminHandler):
    """Handler of `/status`, the status page."""

    def initialize(self, reporter: StatusReporter) -> None:
        self._reporter = reporter

    def get(self) -> None:
        page = self.renderer.status_page(self._reporter.status())
        self.set_header("Content-Security-Policy", _content_security_policy(page))
        self.send_text("text/html", page)

    head = get


class StatusJsonHandler(AdminHandler):
    """Handler of `/status.json`, the data of the status page."""

    def initialize(self, reporter: StatusReporter) -> None:
        self._reporter = reporter

    def get(self) -> None:
        self.send_text("application/json", json_encode(as_json(self._reporter.status())).encode())

    head = get


def _content_security_policy(page: bytes) -> str:
    """Return a policy that allows the inline styles and scripts of `page` only, by their hashes."""
    allowed: dict[str, list[str]] = {"style": [], "script": []}
    for kind, text in _INLINE.findall(page):
        allowed[kind.decode()].append(f"'sha256-{b64encode(sha256(text).digest()).decode()}'")
    sources = "; ".join(f"{kind}-src {' '.join(hashes)}" for kind, hashes in allowed.items())
    return (
        f"default-src 'none'; {sources}; connect-src 'self'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
