"""Logging configuration: text lines or one JSON object a line, on stderr.

Rule: a logged value cannot forge a log line, so control characters are escaped.
"""

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

_TEXT = "%(asctime)s %(levelname)s %(message)s"
# C0 and C1 control characters without tab and newline, and the other line separators of Unicode
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(log_format: str) -> None:
    """Log to stderr as `text` or `json`, Python warnings and uncaught exceptions included.

    Call it before processes are forked.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_uncaught_in_thread


class TextFormatter(logging.Formatter):
    """Formatter for text lines; continuation lines, like a traceback, are indented."""

    def format(self, record: logging.LogRecord) -> str:
        text = _CONTROL.sub(lambda args: f"\\x{ord(args[0]):02x}", super().format(record))
        return text.rstrip("\n").replace("\n", "\n    ")


class JsonFormatter(logging.Formatter):
    """Formatter for JSON lines; `extra={"fields": {...}}` adds keys."""

    def format(self, record: logging.LogRecord) -> str:
        created = datetime.fromtimestamp(record.created, UTC)
        record_dict: dict[str, Any] = {
            "time": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            record_dict["exception"] = self.formatException(record.exc_info)
        # ASCII with \u escapes, so that no character ends the line
        return json.dumps({name: _escape_surrogates(value) for name, value in record_dict.items()})


def _escape_surrogates(value: Any) -> Any:
    """Escape lone surrogates, as in a file name that is not UTF-8, because many JSON parsers reject them."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _log_uncaught(
    error_type: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
    origin: str = "uncaught",
) -> None:
    if issubclass(error_type, KeyboardInterrupt):
        sys.__excepthook__(error_type, error, traceback)
    else:
        log.critical("%s: %s", origin, error_type.__name__, exc_info=(error_type, error, traceback))


def _log_unraisable(args: "sys.UnraisableHookArgs") -> None:
    origin = f"{args.err_msg or 'Exception ignored in'} {args.object!r}"
    _log_uncaught(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback, origin)


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    origin = f"uncaught in thread {args.thread.name if args.thread else '?'}"
    _log_uncaught(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback, origin)
