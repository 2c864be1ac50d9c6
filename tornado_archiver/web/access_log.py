"""The log's lines about requests. The hash in a link is the key to its directory: only its first
characters are ever written."""

from __future__ import annotations

import codecs
import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tornado.httputil import HTTPServerRequest

from tornado_archiver.telemetry.transfer import Transfer

if TYPE_CHECKING:
    from tornado_archiver.web.base_handler import BaseHandler

log = logging.getLogger(__name__)

_ESCAPED = "unicode_escape"
codecs.lookup(_ESCAPED)  # or Python opens a file for it later, when there may be no descriptor left

_SHOWN_CHARACTERS = 6
_LONG_PART = re.compile(rf"(?<![^/])(?!archive(?:/|$))([^/]{{{_SHOWN_CHARACTERS}}})[^/]+")


def request_line(request: HTTPServerRequest) -> str:
    """Method and path, every long part of the path cut short, the query left out."""
    path = _LONG_PART.sub(r"\1…", request.path)
    return f"{request.method} {path.encode(_ESCAPED, 'replace').decode()}".replace("\\u2026", "…")


def shorten_hash(source_hash: str) -> str:
    """As much of a hash as anybody may see."""
    return source_hash[:_SHOWN_CHARACTERS] + "…" * (len(source_hash) > _SHOWN_CHARACTERS)


def redact(text: str, request: HTTPServerRequest) -> str:
    """`text` without the long parts of the request's path, as they were sent and decoded."""
    for part in f"{request.path}/{unquote(request.path)}".split("/"):
        if len(part) > _SHOWN_CHARACTERS and part != "archive":
            text = text.replace(part, shorten_hash(part))
    return text.replace(request.query, "…") if request.query else text  # it may hold a signature


def log_request(handler: BaseHandler) -> None:
    """Tornado calls this at the end of each request (its setting `log_function`)."""
    if not handler.access_logged:
        return
    record = handler.transfer
    sent, length = record.bytes_sent, record.content_length
    log.info(
        "%s %s %d %s %.3f s %s",
        record.request_id,
        request_line(handler.request),
        handler.get_status(),
        f"{sent} bytes" if length is None else f"{sent} of {length} bytes",
        handler.request.request_time(),
        f"{record.outcome} ({record.reason})" if record.reason else record.outcome,
        extra={"fields": _json_fields(handler, record)},
    )


def _json_fields(handler: BaseHandler, record: Transfer) -> dict[str, object]:
    """The same and more for a log in JSON."""
    method, path = request_line(handler.request).split(" ", 1)
    first_byte_s = record.time_to_first_byte_s
    return {
        "request_id": record.request_id,
        "client": record.client,
        "method": method,
        "path": path,
        "status": handler.get_status(),
        "bytes_sent": record.bytes_sent,
        "content_length": record.content_length,
        "seconds": round(handler.request.request_time(), 3),
        "time_to_first_byte_s": None if first_byte_s is None else round(first_byte_s, 3),
        "backend": record.backend,
        "outcome": record.outcome,
        "reason": record.reason,
        "is_range": record.is_range,
    }
