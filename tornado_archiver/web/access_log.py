"""The log's lines about requests. The hash in a link is the key to its directory: only its first
characters are ever written."""

import logging
import re
from urllib.parse import unquote

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

log = logging.getLogger(__name__)

_SHOWN_CHARACTERS = 6
_LONG_PART = re.compile(rf"(?<=/)(?!archive(?:/|$))([^/]{{{_SHOWN_CHARACTERS}}})[^/]+")


def summary(request: HTTPServerRequest) -> str:
    """Method and path, every long part of the path cut short, the query left out."""
    path = _LONG_PART.sub(r"\1…", request.path)
    return f"{request.method} {path.encode('unicode_escape', 'replace').decode()}".replace("\\u2026", "…")


def redacted(text: str, request: HTTPServerRequest) -> str:
    """`text` without the long parts of the request's path, as they were sent and decoded."""
    for part in f"{request.path}/{unquote(request.path)}".split("/"):
        if len(part) > _SHOWN_CHARACTERS and part != "archive":
            text = text.replace(part, part[:_SHOWN_CHARACTERS] + "…")
    return text


def log_request(handler: RequestHandler) -> None:
    """Tornado calls this at the end of each request (its setting `log_function`)."""
    log.info(
        "%s %d %d bytes %.3f s %s",
        summary(handler.request),
        handler.get_status(),
        getattr(handler, "bytes_sent", 0),
        handler.request.request_time(),
        getattr(handler, "outcome", "answered"),
    )
