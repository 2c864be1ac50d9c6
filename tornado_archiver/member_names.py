"""Names as they stand in archives: what can be had on any system, from whatever lies on the disk.

Pure. The names that Windows refuses are listed in Microsoft's "Naming Files, Paths, and Namespaces".
A character that cannot stand is shown by one that looks like it (`:` as U+FF1A), a byte that is not UTF-8
as `%FF`: a person still reads the name, and two names seldom fall together.
"""

import re
import unicodedata
from collections.abc import Iterable

MAX_NAME_BYTES = 255  # of one part of a path, on ext4, XFS, APFS and NTFS alike

_FULLWIDTH_OFFSET = 0xFEE0
_CONTROL_PICTURES = 0x2400
_REPLACEMENTS = (
    {ord(character): ord(character) + _FULLWIDTH_OFFSET for character in '<>:"|?*\\'}
    | {control: control + _CONTROL_PICTURES for control in range(0x20)}
    | {0x7F: "\u2421"}
    | {control: "".join(f"%{byte:02X}" for byte in chr(control).encode()) for control in range(0x80, 0xA0)}
    | {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}  # PEP 383: a byte that is not UTF-8
)
_LAST_CHARACTER = {".": "\uff0e", " ": "\u2420"}  # Windows drops a dot or a space at the end
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(?=\.|$)", re.IGNORECASE
)
_NOT_PORTABLE = re.compile(
    f"[{re.escape(''.join(map(chr, _REPLACEMENTS)))}]|[. ]$|^{_RESERVED.pattern}", re.IGNORECASE
)


def portable_name(name: bytes) -> str:
    """One part of a path (no `/`) as a name that any system can hold; unchanged where that is possible."""
    text = name.decode("utf-8", "surrogateescape")
    if _NOT_PORTABLE.search(text):
        text = _made_portable(text)
    return _shortened(text, MAX_NAME_BYTES)


def _made_portable(text: str) -> str:
    text = text.translate(_REPLACEMENTS)
    text = text[:-1] + _LAST_CHARACTER.get(text[-1], text[-1])
    return _RESERVED.sub(r"\1_", text, count=1) if _RESERVED.match(text) else text


def _shortened(text: str, max_bytes: int) -> str:
    """`text` in at most `max_bytes` of UTF-8, cut before its suffix."""
    if len(text.encode()) <= max_bytes:
        return text
    stem, dot, suffix = text.rpartition(".")
    tail = (dot + suffix).encode() if stem and len(suffix.encode()) < 20 else b""
    head = text.encode()[: max_bytes - len(tail)].decode("utf-8", "ignore")
    return head + tail.decode()


def sibling_names(names: Iterable[bytes]) -> dict[bytes, str]:
    """A portable name for each name in one directory, no two alike.

    Two that differ only in case or normal form would overwrite each other when unpacked on Windows or
    macOS, so the later ones are numbered: `a.jpg`, `A (2).jpg`. Names that are portable as they are
    choose first, in byte order.
    """
    portable = {name: portable_name(name) for name in sorted(names)}
    taken: set[str] = set()
    unchanged_first = sorted(portable, key=lambda name: portable[name].encode() != name)
    return {name: _claim(portable[name], taken) for name in unchanged_first}


def _claim(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while _collision_key(candidate) in taken:
        number += 1
        candidate = _numbered(name, number)
    taken.add(_collision_key(candidate))
    return candidate


def _numbered(name: str, number: int) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    mark = f" ({number})"
    room = MAX_NAME_BYTES - len((mark + dot + suffix).encode())
    return _shortened(stem, room) + mark + dot + suffix


def _collision_key(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name.casefold())
