"""The handler of `/archive/<hash>/?info`, which sends the facts of an archive as JSON."""

from tornado_archiver.http.info import (
    MEDIA_TYPE,
    FormatInfo,
    allowed_origin,
    info_document,
    info_of_document,
)
from tornado_archiver.links.names import newest_mtime_s
from tornado_archiver.web.archive.link_handler import LinkHandler


class InfoHandler(LinkHandler):
    """Handler of `/archive/<hash>/?info`. It does not need a slot."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # here, so that a script can read the status of an error as well
        if origins := self.settings["cors_origins"]:
            self.add_header("Vary", "Origin")
            if allowed := allowed_origin(self.request.headers.get("Origin", ""), origins):
                self.set_header("Access-Control-Allow-Origin", allowed)

    async def respond(self) -> None:
        link = self.link()
        manifest = await self.services.scan(link)
        formats, last_modified = [], None
        for backend in self.services.backends_for(link):
            info = (await self.services.open(link, manifest, backend)).info
            formats.append(FormatInfo(backend.name, backend.extension, backend.media_type, info.length))
            last_modified = last_modified or info.last_modified
        document = info_document(manifest.entries, formats, newest_mtime_s(manifest.entries))
        response = self.build_response(info_of_document(document, last_modified), MEDIA_TYPE)
        self.set_headers(response)
        body = b"".join(
            part if isinstance(part, bytes) else document[part.start : part.stop] if part else document
            for part in response.parts
        )
        self.transfer.bytes_sent = 0 if self.request.method == "HEAD" else len(body)
        if response.parts:
            self.finish(body)
