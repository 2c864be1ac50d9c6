"""Types of settings: each one parses text and describes the text that it accepts.

Every source gives text, so a value is written the same way in a flag, a variable and a file. Text is not
stripped: blanks around a number are an error, because the message can show them.
"""

import ipaddress
import os
import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado_archiver.runtime.unix_socket import MAX_SOCKET_PATH_BYTES

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOUR, DAY = 3600, 86400
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"([0-9]{1,9}\.?|[0-9]{0,9}\.[0-9]{1,9}) ?(ms|s|m|h|d)?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,15}) ?(?:B|([KMGT])(i?)B)?", re.IGNORECASE | re.ASCII)
_MIN_HEADER_SIZE = 1024  # Tornado reads 0 as its own limit, and browsers need about this much
_MAPPED_PREFIX = 96  # of an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2)
_BIDIRECTIONAL_CONTROLS = "LRE RLE LRO RLO PDF LRI RLI FSI PDI".split()
_MIN_SECRET_CHARACTERS = 16
_UNIX = "unix:"
_MAX_LINE = 100
# The start of a line for .env or the config file. Base64 has a = at its end only.
_ASSIGNMENT = re.compile(r"[A-Za-z_][\w-]{2,}=[^=]|ARCHIVER_\w+=")

BOOL_WORDS = dict.fromkeys("1 true yes on".split(), True) | dict.fromkeys("0 false no off".split(), False)


@dataclass(frozen=True)
class Type:
    """A type of setting. `expected` completes the sentence "'x' is not allowed: …".

    Text is invalid if `accepts` returns a false value, or if `accepts` or `convert` raises ValueError.
    """

    expected: str
    convert: Callable[[str], Any] = str
    accepts: Callable[[str], object] = lambda text: True

    def parse(self, text: str) -> Any:
        """Return the value of `text`. Raise ValueError if the text is invalid."""
        if not self.accepts(text):
            raise ValueError(text)
        return self.convert(text)


def integer(low: int, high: int) -> Type:
    """Return the type of an integer from `low` to `high`, both included. Neither is negative."""
    return Type(
        f"a whole number from {low} to {high}",
        int,
        # int() alone accepts 1_000, blanks and the digits of every script
        lambda text: text.isascii() and text.isdigit() and low <= int(text) <= high,
    )


def duration(high: int) -> Type:
    """Return the type of a duration from 0 to `high` seconds. Its value is a float of seconds."""
    return Type(
        f"a time up to {high // HOUR}h, such as 500ms, 30s, 5m, 1h or 2 (seconds)",
        _seconds,
        lambda text: _seconds(text) <= high,
    )


def choice(*words: str) -> Type:
    """Return the type of a setting that is one of `words`."""
    return Type(" or ".join(words), accepts=words.__contains__)


def _seconds(text: str) -> float:
    # float() alone accepts 1_000, blanks, nan and the digits of every script
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(text)
    return float(match[1]) * _SECONDS[match[2] or "s"]


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(text)
    base = 1024 if match[3] else 1000
    return int(match[1]) * int(base ** " kmgt".index((match[2] or " ").lower()))


def unix_path(host: str) -> str | None:
    """Return the path in an address such as unix:/run/archiver.sock, None for another address."""
    return host.removeprefix(_UNIX) if host.startswith(_UNIX) else None


def _host(text: str) -> str:
    path = unix_path(text)
    if path is None:
        is_valid = text and " " not in text
    else:
        is_valid = path.startswith("/") and len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES
    if not is_valid or not text.isprintable():
        raise ValueError(text)
    return _strip_brackets(text)


def _strip_brackets(host: str) -> str:
    """Return an IPv6 address without the brackets that it has in a URL and in the log."""
    return host[1:-1] if host[0] == "[" and host[-1] == "]" and ":" in host else host


def _each(convert: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Return a converter of a comma-separated list. Duplicates are dropped."""
    return lambda text: tuple(dict.fromkeys(convert(part.strip()) for part in text.split(",") if text))


def _network(text: str) -> Network:
    # an address is a network of one host; a network whose host bits are not 0 raises ValueError
    network = ipaddress.ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_PREFIX:
        return network
    # peers are compared as IPv4 addresses
    return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_PREFIX))


def key_problem(key: str) -> str:
    """Return why `key` cannot sign links, or "". The text contains no part of the key.

    A comment or an assignment that is read as a key would be guessable.
    """
    problems = {
        "begins with '#'": key.startswith("#"),
        "begins with NAME=": _ASSIGNMENT.match(key),
        "begins with a byte order mark": key.startswith("\ufeff"),
        "has a blank in it": any(char.isspace() for char in key),
        "has a character in it that cannot be printed": not key.isprintable(),
        f"has fewer than {_MIN_SECRET_CHARACTERS} characters": len(key) < _MIN_SECRET_CHARACTERS,
    }
    return next((problem for problem, found in problems.items() if found), "")


def _is_file_name(text: str) -> bool:
    return bool(text.strip()) and _is_name_template(text)


def _is_name_template(text: str) -> bool:
    if any(is_control(char) or char in "/\\" for char in text):
        return False
    # placeholders without format or conversion, so that nothing else can be looked up
    return all(
        field in (None, "hash", "name", "date") and not (form or conversion)
        for _, field, form, conversion in string.Formatter().parse(text)
    )


def _is_site_url(text: str) -> bool:
    if not text.isprintable() or any(char in ' "<>\\' for char in text):
        return False
    url = urlsplit(text)  # raises ValueError for an invalid host
    # not //host, because it is rarely meant; not javascript:, because the URL is a link on a page
    is_path = not (url.scheme or url.netloc) and text.startswith("/") and not text.startswith("//")
    return is_path or (url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0)


def is_control(char: str) -> bool:
    """Return whether a character must not be in a file name.

    Cc and Cs are control characters and undecodable bytes. Zl and Zp end a line. A bidirectional control can
    disguise the suffix (UAX 9, 2).
    """
    return (
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(char) in _BIDIRECTIONAL_CONTROLS
    )


def printable(text: str) -> str:
    """Return `text`, or its repr if it would break the line or garble a terminal."""
    return text if text.isprintable() else repr(text)


BOOL = Type(
    "yes or no (or true/false, on/off, 1/0)",
    lambda text: BOOL_WORDS[text.lower()],
    lambda text: text.lower() in BOOL_WORDS,
)
HOSTS = Type(
    f"IP addresses, host names or unix:/path (at most {MAX_SOCKET_PATH_BYTES} bytes), separated by commas",
    _each(_host),
    lambda text: text,  # an empty list would be a service that nothing can reach
)
PATH = Type("a path", Path, lambda text: text and "\0" not in text)
OPTIONAL_PATH = Type("a path", lambda text: Path(text) if text else None, lambda text: "\0" not in text)
NETWORKS = Type("IP addresses and networks such as 10.0.0.0/8, separated by commas", _each(_network))
SECRET = Type("a key", accepts=lambda text: not key_problem(text))
SECRETS = Type(
    f"keys of at least {_MIN_SECRET_CHARACTERS} characters, separated by commas; no key may contain a blank "
    "or begin with # or NAME=",
    _each(SECRET.parse),
)
NAME = Type(
    "a name of letters, digits and . : + - _",
    accepts=lambda text: text and all(char.isalnum() or char in ".:+-_" for char in text),
)
NAMES = Type("names of letters, digits and . : + - _, separated by commas", _each(NAME.parse))
_TEMPLATE = "text without / \\ and control characters; placeholders: {name} {hash} {date} ({{ is a literal {)"
FILE_NAME = Type(_TEMPLATE, accepts=_is_file_name)
OPTIONAL_FILE_NAME = Type(_TEMPLATE, accepts=_is_name_template)
_ORIGIN = Type("an origin", accepts=re.compile(r"\*|https?://[a-z0-9.-]+(:[0-9]{1,5})?").fullmatch)
ORIGINS = Type("* or origins such as https://www.example.com, separated by commas", _each(_ORIGIN.parse))
LINE = Type(
    f"text of at most {_MAX_LINE} characters without control characters",
    accepts=lambda text: len(text) <= _MAX_LINE and not any(map(is_control, text)),
)
SITE_URL = Type(
    "a URL such as https://example.com/ or a path that begins with /",
    accepts=lambda text: not text or _is_site_url(text),
)
SIZE = Type("a size, such as 65536, 64KiB, 64MiB or 2GB", _bytes)
HEADER_SIZE = Type(
    "a size of at least 1KiB, such as 16KiB", _bytes, lambda text: _bytes(text) >= _MIN_HEADER_SIZE
)
