"""What a setting's text may look like: each kind holds its parser and the words for what it takes.

Sources hand over text only, so every kind reads the same from a flag, a variable and a file. Text is taken
as it is: blanks around a number are an error that shows them, not something to guess about.
"""

import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def seconds(high: int) -> Kind:
    """A number of seconds from 0 to `high`, fractions allowed."""

    def parse(text: str) -> float:
        # digits and a point: float() alone would take 1_000, blanks, nan and the digits of every script
        if not (text.isascii() and text.replace(".", "", 1).isdigit() and float(text) <= high):
            raise ValueError(text)
        return float(text)

    return Kind(parse, f"a number of seconds from 0 to {high}, such as 0.5")


_SIZE = re.compile(r"([0-9]{1,15}) ?(B|[KMGT]i?B)?", re.IGNORECASE)
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


def _switch(text: str) -> bool:
    word = text.lower()
    if word not in SWITCH_WORDS:
        raise ValueError(text)
    return SWITCH_WORDS[word]


def _host(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(text)
    return Path(text)


def _name(text: str) -> str:
    if not text or not all(char.isalnum() or char in ".:+-_" for char in text):
        raise ValueError(text)
    return text


def _names(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    return tuple(dict.fromkeys(_name(part.strip()) for part in text.split(",")))


def _file_name(text: str) -> str:
    # Cc and Cs are control characters and bytes that are no text; Zl and Zp end a line like a control
    if not text.strip() or any(
        char in "/\\" or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text
    ):
        raise ValueError(text)
    # a bare {hash} is the only placeholder: no format, no conversion, nothing else to look up
    for _, field, form, conversion in string.Formatter().parse(text):
        if field not in (None, "hash") or form or conversion:
            raise ValueError(text)
    return text


SWITCH = Kind(_switch, "yes or no (or true/false, on/off, 1/0)")
HOST = Kind(_host, "a host name or an IP address")
PATH = Kind(_path, "a path")
NAME = Kind(_name, "a name of letters, digits and . : + - _")
NAMES = Kind(_names, "names of letters, digits and . : + - _, with commas between them")
FILE_NAME = Kind(
    _file_name,
    "text without / \\ and control characters, with {hash} as the only placeholder ({{ is a literal {)",
)
SIZE = Kind(_size, "a size, such as 65536, 64KiB, 64MiB or 2GB")
