"""How the log is written: lines of text, or a JSON object on each line.

Rule: nothing that is logged can look like a line of its own, whoever it came from.
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
# C0 and C1 without tab and newline, and what else some programs take for the end of a line
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(log_format: str) -> None:
    """Write everything to stderr, `text` or `json`: warnings and what nobody caught as well. Once, before
    processes are forked."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_uncaught_in_thread


class TextFormatter(logging.Formatter):
    """A line; what belongs to it and stands on further lines, like a traceback, is indented."""

    def format(self, record: logging.LogRecord) -> str:
        text = _CONTROL.sub(lambda args: f"\\x{ord(args[0]):02x}", super().format(record))
        return text.rstrip("\n").replace("\n", "\n    ")


class JsonFormatter(logging.Formatter):
    """`extra={"fields": {...}}` adds fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        record_dict: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            record_dict["exception"] = self.formatException(record.exc_info)
        # ASCII with \u escapes, so no character can end the line
        return json.dumps({name: _escape_surrogates(value) for name, value in record_dict.items()})


def _escape_surrogates(value: Any) -> Any:
    """Half a surrogate, as in a file name that is no UTF-8, would be JSON that many a reader refuses."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None, where: str = "uncaught"
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("%s: %s", where, kind.__name__, exc_info=(kind, error, trace))


def _log_unraisable(args: "sys.UnraisableHookArgs") -> None:
    where = f"{args.err_msg or 'Exception ignored in'} {args.object!r}"
    _log_uncaught(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback, where)


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    where = f"uncaught in thread {args.thread.name if args.thread else '?'}"
    _log_uncaught(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback, where)
