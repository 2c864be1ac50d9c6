"""What a setting's text may look like: each kind holds its parser and the words for what it takes.

Sources hand over text only, so every kind reads the same from a flag, a variable and a file. Text is taken
as it is: blanks around a number are an error that shows them, not something to guess about.
"""

import ipaddress
import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED_PREFIX = 96  # of an IPv4 address as an IPv6 one (RFC 4291 2.5.5.2)
_BIDIRECTIONAL_CONTROLS = "LRE RLE LRO RLO PDF LRI RLI FSI PDI".split()
_MIN_SECRET_CHARACTERS = 16
# the beginning of a line for .env or the config file; base64 has a = at its end alone
_ASSIGNMENT = re.compile(r"[A-Za-z_][\w-]{2,}=[^=]|ARCHIVER_\w+=")

SWITCH_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True)
class Kind:
    """`parse` makes the value of a text and raises ValueError for text that is not `allowed`."""

    parse: Callable[[str], Any]
    allowed: str


def whole_number(low: int, high: int) -> Kind:
    """Digits only, from `low` to `high`, both included; neither may be negative."""

    def parse(text: str) -> int:
        # int() alone would take 1_000, blanks and the digits of every script
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(text)
        return int(text)

    return Kind(parse, f"a whole number from {low} to {high}")


_DURATION = re.compile(r"([0-9]{1,9}\.?|[0-9]{0,9}\.[0-9]{1,9}) ?(ms|s|m|h|d)?", re.ASCII)
HOUR, DAY = 3600, 86400
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": HOUR, "d": DAY}


def duration(high: int) -> Kind:
    """A time from 0 to `high` seconds, as a float of seconds."""

    def parse(text: str) -> float:
        # float() alone would take 1_000, blanks, nan and the digits of every script
        match = _DURATION.fullmatch(text)
        if not match or (found := float(match[1]) * _SECONDS[match[2] or "s"]) > high:
            raise ValueError(text)
        return found

    return Kind(parse, f"a time up to {high // HOUR}h, such as 500ms, 30s, 5m, 1h or 2 (seconds)")


def choice(*words: str) -> Kind:
    """One of `words`."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return Kind(parse, " or ".join(words))


_SIZE = re.compile(r"([0-9]{1,15}) ?(B|[KMGT]i?B)?", re.IGNORECASE)
_LEAST_HEAD = 1024  # tornado takes 0 for its own limit, and no browser gets by with much less
_UNITS: dict[str, int] = {"": 1, "b": 1} | {
    prefix + unit: int(base**power)
    for power, prefix in enumerate("kmgt", start=1)
    for unit, base in (("b", 1000), ("ib", 1024))
}


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError
    return int(match[1]) * _UNITS[(match[2] or "").lower()]


def _head_size(text: str) -> int:
    size = _size(text)
    if size < _LEAST_HEAD:
        raise ValueError(text)
    return size


def _switch(text: str) -> bool:
    word = text.lower()
    if word not in SWITCH_WORDS:
        raise ValueError(text)
    return SWITCH_WORDS[word]


def _host(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueError(text)
    # an IPv6 address as a URL has it, and the log
    return text[1:-1] if text[0] == "[" and text[-1] == "]" and ":" in text else text


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(text)
    return Path(text)


def _optional_path(text: str) -> Path | None:
    return _path(text) if text else None


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(_network(part.strip()) for part in text.split(",")) if text else ()


def _network(text: str) -> Network:
    # a host's address is the network that holds it alone; a network's host bits have to be 0
    network = ipaddress.ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_PREFIX:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_PREFIX))  # as peers are compared


def secret_fault(key: str) -> str:
    """Why this cannot be a key, without a word of it; "" when it can. A comment or the name of a setting that
    was taken for one would be a key that anybody can guess."""
    faults = {
        "begins with '#'": key.startswith("#"),
        "begins with NAME=": _ASSIGNMENT.match(key),
        "begins with a byte order mark": key.startswith("\ufeff"),
        "has a blank in it": any(char.isspace() for char in key),
        "has a character in it that cannot be printed": not key.isprintable(),
        f"has fewer than {_MIN_SECRET_CHARACTERS} characters": len(key) < _MIN_SECRET_CHARACTERS,
    }
    return next((fault for fault, found in faults.items() if found), "")


def _secrets(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",")) if text else ()
    if any(secret_fault(key) for key in keys):
        raise ValueError
    return keys


def _name(text: str) -> str:
    if not text or not all(char.isalnum() or char in ".:+-_" for char in text):
        raise ValueError(text)
    return text


def _names(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    return tuple(dict.fromkeys(_name(part.strip()) for part in text.split(",")))


def _file_name(text: str) -> str:
    if not text.strip() or any(_is_control(char) or char in "/\\" for char in text):
        raise ValueError(text)
    # a bare {hash} is the only placeholder: no format, no conversion, nothing else to look up
    for _, field, form, conversion in string.Formatter().parse(text):
        if field not in (None, "hash") or form or conversion:
            raise ValueError(text)
    return text


def _is_control(char: str) -> bool:
    # Cc and Cs are control characters and bytes that are no text; Zl and Zp end a line like a control; the
    # bidirectional ones could show a suffix as another one (UAX 9, 2)
    return (
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(char) in _BIDIRECTIONAL_CONTROLS
    )


SWITCH = Kind(_switch, "yes or no (or true/false, on/off, 1/0)")
HOST = Kind(_host, "a host name or an IP address")
PATH = Kind(_path, "a path")
OPTIONAL_PATH = Kind(_optional_path, "a path")
NETWORKS = Kind(_networks, "IP addresses and networks such as 10.0.0.0/8, with commas between them")
SECRETS = Kind(
    _secrets,
    f"keys of at least {_MIN_SECRET_CHARACTERS} characters, with commas between them; none with a blank in "
    "it, none that begins with # or NAME=",
)
NAME = Kind(_name, "a name of letters, digits and . : + - _")
NAMES = Kind(_names, "names of letters, digits and . : + - _, with commas between them")
FILE_NAME = Kind(
    _file_name,
    "text without / \\ and control characters, with {hash} as the only placeholder ({{ is a literal {)",
)
SIZE = Kind(_size, "a size, such as 65536, 64KiB, 64MiB or 2GB")
HEAD_SIZE = Kind(_head_size, "a size from 1KiB on, such as 16KiB")
