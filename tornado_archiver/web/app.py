"""Which address leads to which handler."""

from tornado.web import Application

from tornado_archiver.service import Service
from tornado_archiver.web.access_log import log_request
from tornado_archiver.web.archive_handler import PREFIX, ArchiveHandler
from tornado_archiver.web.base_handler import NotFoundHandler
from tornado_archiver.web.home_handler import HomeHandler


class ArchiverApplication(Application):
    """`demo_url`: the link to the bundled album, None when that is not what is served. `upstream`: where a
    proxy on this machine reaches the service."""

    def __init__(self, service: Service, *, demo_url: str | None, upstream: str) -> None:
        self._running: set[ArchiveHandler] = set()
        super().__init__(
            [
                ("/", HomeHandler, {"service": service, "demo_url": demo_url, "upstream": upstream}),
                # matched raw: `source_hash` decides what may stand behind it, all else is the same 404
                (f"{PREFIX}.*", ArchiveHandler, {"service": service, "running": self._running}),
            ],
            default_handler_class=NotFoundHandler,
            log_function=log_request,
        )

    def stop(self) -> None:
        """Cut every download that is running."""
        for handler in list(self._running):
            handler.cut("service stopped")
