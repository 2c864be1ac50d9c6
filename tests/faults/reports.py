"""What the log and the metrics say of one request, in one and the same words."""

import re
from collections.abc import Mapping

from tests.servers import fetch

_COUNTED = re.compile(r"^(archiver_(?:downloads_ended|requests_refused)_total)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_ERROR = re.compile(
    r" (?:ERROR|CRITICAL) (?:GET /archive/[^/]+/: )?(?:cut after \d+ bytes: )?(.*)$", re.MULTILINE
)
_SHOWN_CHARACTERS = 100


def request_lines(log: str, key: str) -> list[str]:
    """How each request for the album with that key has ended, as the end of its line says."""
    return re.findall(rf" GET /archive/{key}…/ \d+ .* s (\S.*)$", log, re.MULTILINE)


def error_lines(log: str) -> list[str]:
    """What is told as an error, without what differs from run to run."""
    lines = [re.sub(r"(?<=worker )\d+|(?<=')\d+(?=\.jpg')", "N", line) for line in _ERROR.findall(log)]
    lines = list(dict.fromkeys(lines))  # some are repeated as long as it lasts
    return [f"{line[:_SHOWN_CHARACTERS]}…" if len(line) > _SHOWN_CHARACTERS else line for line in lines]


def counts(admin_port: int) -> Mapping[str, float]:
    """How many requests have ended how, by all workers."""
    found: dict[str, float] = {}
    for name, labels, value in _COUNTED.findall(fetch(admin_port, "/metrics").decode()):
        told = dict(_LABEL.findall(labels))
        outcome = "refused" if "refused" in name else told["outcome"]
        words = f"{outcome} ({told['reason']})" if told["reason"] else outcome
        found[words] = found.get(words, 0) + float(value)
    return found


def counted_since(before: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """What has been counted since, each as often as it was."""
    return [words for words, count in now.items() for _ in range(int(count - before.get(words, 0)))]
