"""The end of a request according to log and metrics, both as the same text."""

import re
from collections.abc import Mapping

from tests.helpers.servers import fetch

_COUNTED = re.compile(r"^(archiver_(?:downloads_ended|requests_refused)_total)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_ERROR = re.compile(
    r" (?:ERROR|CRITICAL) (?:GET /archive/[^/]+/: )?(?:aborted after \d+ bytes: )?(.*)$", re.MULTILINE
)
_SHOWN_CHARACTERS = 100


def request_lines(log: str, key: str) -> list[str]:
    """Return how each request for the album with that key has ended, from the end of its log line."""
    return re.findall(rf" GET /archive/{key}…/ \d+ .* s (\S.*)$", log, re.MULTILINE)


def error_lines(log: str) -> list[str]:
    """Return the error messages without the numbers that differ between runs."""
    lines = [re.sub(r" \(reference \S+\)$", "", line) for line in _ERROR.findall(log)]
    lines = [re.sub(r"(?<=\(pid )\d+|(?<=for user )\d+|(?<=')\d+(?=\.jpg')", "N", line) for line in lines]
    lines = list(dict.fromkeys(lines))  # some are repeated until the fault ends
    return [f"{line[:_SHOWN_CHARACTERS]}…" if len(line) > _SHOWN_CHARACTERS else line for line in lines]


def counts(admin_port: int) -> Mapping[str, float]:
    """Return the number of requests per outcome and reason, of all workers."""
    found: dict[str, float] = {}
    for name, labels, value in _COUNTED.findall(fetch(admin_port, "/metrics").decode()):
        values = dict(_LABEL.findall(labels))
        outcome = "refused" if "refused" in name else values["outcome"]
        words = f"{outcome} ({values['reason']})" if values["reason"] else outcome
        found[words] = found.get(words, 0) + float(value)
    return found


def counted_since(before: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """Return each outcome as often as it was counted between `before` and `now`."""
    return [words for words, count in now.items() for _ in range(int(count - before.get(words, 0)))]
