"""`/healthz`: whether this process answers at all. It looks at nothing, so it costs a probe nothing."""

from tornado_archiver.web.base_handler import BaseHandler


class HealthHandler(BaseHandler):
    access_logged = False  # who probes, probes every few seconds

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.send_text("text/plain", b"ok\n")

    head = get
