"""The page at `/`, for whoever sets the service up."""

from tornado_archiver.service import Services
from tornado_archiver.web import pages
from tornado_archiver.web.base_handler import BaseHandler


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
