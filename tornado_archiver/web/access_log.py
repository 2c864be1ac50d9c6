"""The access log: one line per request, with hashes shortened.

A hash gives access to its directory, so only its first characters are logged.
"""

import codecs
import logging
import re
from urllib.parse import unquote

from tornado.httputil import HTTPServerRequest

from tornado_archiver.telemetry.transfer import Transfer

log = logging.getLogger(__name__)

_ESCAPED = "unicode_escape"
codecs.lookup(_ESCAPED)  # because Python opens a file for it, and later all descriptors may be in use

_SHOWN_CHARACTERS = 6
_LONG_PART = re.compile(rf"(?<![^/])(?!archive(?:/|$))([^/]{{{_SHOWN_CHARACTERS}}})[^/]+")


def request_line(request: HTTPServerRequest) -> str:
    """Return method and path without the query; long parts of the path are shortened."""
    path = _LONG_PART.sub(r"\1…", request.path)
    return f"{request.method} {path.encode(_ESCAPED, 'replace').decode()}".replace("\\u2026", "…")


def shorten_hash(source_hash: str) -> str:
    """Return the part of a hash that is safe to show."""
    return source_hash[:_SHOWN_CHARACTERS] + "…" * (len(source_hash) > _SHOWN_CHARACTERS)


def redact(text: str, request: HTTPServerRequest) -> str:
    """Return `text` with the long parts of the request's path shortened, both encoded and decoded."""
    for part in f"{request.path}/{unquote(request.path)}".split("/"):
        if len(part) > _SHOWN_CHARACTERS and part != "archive":
            text = text.replace(part, shorten_hash(part))
    return text.replace(request.query, "…") if request.query else text  # because it may contain a signature


def log_request(request: HTTPServerRequest, status: int, transfer: Transfer) -> None:
    """Log a finished request and the status of its response."""
    sent, length = transfer.bytes_sent, transfer.content_length
    log.info(
        "%s %s %d %s %.3f s %s",
        transfer.request_id,
        request_line(request),
        status,
        f"{sent} bytes" if length is None else f"{sent} of {length} bytes",
        request.request_time(),
        f"{transfer.outcome} ({transfer.reason})" if transfer.reason else transfer.outcome,
        extra={"fields": _json_fields(request, status, transfer)},
    )


def _json_fields(request: HTTPServerRequest, status: int, transfer: Transfer) -> dict[str, object]:
    """Return the fields of the JSON log, which has more of them than the text line."""
    method, path = request_line(request).split(" ", 1)
    first_byte_s = transfer.time_to_first_byte_s
    return {
        "request_id": transfer.request_id,
        "client": transfer.client,
        "method": method,
        "path": path,
        "status": status,
        "bytes_sent": transfer.bytes_sent,
        "content_length": transfer.content_length,
        "seconds": round(request.request_time(), 3),
        "time_to_first_byte_s": None if first_byte_s is None else round(first_byte_s, 3),
        "backend": transfer.backend,
        "outcome": transfer.outcome,
        "reason": transfer.reason,
        "is_range": transfer.is_range,
    }
