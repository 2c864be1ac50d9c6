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
# A device, whatever stands behind a dot: Windows opens the console for `con`, `con.txt` and `con .txt`.
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(?= *(\.|$))", re.IGNORECASE
)
_NOT_PORTABLE = re.compile(
    f"[{re.escape(''.join(map(chr, _REPLACEMENTS)))}]|[. ]$|^{_RESERVED.pattern}", re.IGNORECASE
)
# The same for many names with a NUL before and behind each: what may stand anywhere in them, as long as it is
# ASCII, and what may not stand at the beginning, in lower case. Far faster than one expression for it all.
_PORTABLE_BYTES = b"\0" + bytes(set(range(0x20, 0x7F)) - _REPLACEMENTS.keys())
_SOME_RESERVED = re.compile(rb"\0(?:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9]) *[\0.]")
_MAX_NUMBER_BYTES = len(" (99999999)")
_MAX_SUFFIX_BYTES = 20  # what is longer is no suffix but a name with a dot in it


def portable_name(name: bytes) -> str:
    """One part of a path (no `/`) as a name that any system can hold; unchanged where that is possible."""
    return _truncate(_make_portable(name.decode("utf-8", "surrogateescape")), MAX_NAME_BYTES)


def portable_file_name(stem: str, suffix: str, max_bytes: int) -> str:
    """The name of a file that any system can hold, in at most `max_bytes` of UTF-8. The suffix has its dot,
    is portable itself, and stays whole."""
    return _cut(_make_portable(stem + suffix).removesuffix(suffix), suffix, max_bytes)


def _make_portable(text: str) -> str:
    if not _NOT_PORTABLE.search(text):
        return text
    text = _fix_last_character(text.translate(_REPLACEMENTS))
    return _RESERVED.sub(r"\1_", text, count=1) if _RESERVED.match(text) else text


def _fix_last_character(text: str) -> str:
    return text[:-1] + _LAST_CHARACTER.get(text[-1], text[-1])


def _truncate(text: str, max_bytes: int) -> str:
    """`text` in at most `max_bytes` of UTF-8, cut before its suffix; not cut after a dot or a space, which
    would be one more name that Windows refuses (`con    .txt` among them)."""
    return _cut(*_split(text), max_bytes)


def _cut(stem: str, suffix: str, max_bytes: int) -> str:
    if len((stem + suffix).encode()) <= max_bytes:
        return stem + suffix
    room = max_bytes - len(suffix.encode()) - 2  # what may replace the last character is 2 bytes longer
    return _fix_last_character(stem.encode()[:room].decode("utf-8", "ignore")) + suffix


def _split(name: str) -> tuple[str, str]:
    """Stem and suffix; the suffix has its dot, and is empty for a name that has none."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and len(suffix.encode()) < _MAX_SUFFIX_BYTES else (name, "")


def unique_names(names: Iterable[bytes]) -> dict[bytes, str]:
    """A portable name for each name in one directory, no two alike.

    Two that differ only in case or normal form would overwrite each other when unpacked on Windows or
    macOS, so the later ones are numbered: `A.jpg`, `a (2).jpg`. Names that are portable as they are
    choose first, in byte order; numbers are given last, so none of them takes another one's name.
    """
    ordered = sorted(names)
    if (unchanged := _all_portable(ordered)) is not None:
        return unchanged
    portable = {name: portable_name(name) for name in ordered}
    taken: dict[str, int] = {}  # and the last number given for it: a thousand alike are not counted through
    chosen: dict[bytes, str] = {}
    for name in sorted(portable, key=lambda name: portable[name].encode() != name):
        key = _collision_key(portable[name])
        if key not in taken:
            taken[key] = 1
            chosen[name] = portable[name]
    return {name: chosen.get(name) or _deduplicate(portable[name], taken) for name in portable}


def unique_name(name: str, siblings: Iterable[str]) -> str:
    """`name` for one more among these siblings, numbered in the same way if it is taken."""
    return _deduplicate(name, {_collision_key(sibling): 1 for sibling in siblings})


def _all_portable(names: list[bytes]) -> dict[bytes, str] | None:
    """The names as they are where nothing is to be done, as nearly always: thousands are seen in one go."""
    joined = b"\0" + b"\0".join(names) + b"\0"
    lower = joined.lower()
    if (
        joined.translate(None, _PORTABLE_BYTES)
        or b".\0" in joined
        or b" \0" in joined
        or _SOME_RESERVED.search(lower)
    ):
        return None
    has_twins = len(set(lower[1:-1].split(b"\0"))) < len(names)
    if has_twins or len(max(names, key=len, default=b"")) > MAX_NAME_BYTES:
        return None
    return dict(zip(names, joined[1:].decode().split("\0"), strict=False))


def _deduplicate(name: str, taken: dict[str, int]) -> str:
    """A long name is cut as if for the longest number, so that names which differ only after that share a
    count, and none of them tries all numbers of the others."""
    stem, suffix = _split(name)
    stem = _truncate(stem, MAX_NAME_BYTES - _MAX_NUMBER_BYTES - len(suffix.encode()))
    key = _collision_key(stem + suffix)
    candidate, number = name, taken.get(key, 1)
    while _collision_key(candidate) in taken:
        number += 1
        candidate = f"{stem} ({number}){suffix}"
    taken[_collision_key(candidate)] = 1
    taken[key] = number
    return candidate


def _collision_key(name: str) -> str:
    """Alike for canonical caseless matches (The Unicode Standard, D145)."""
    return name.lower() if name.isascii() else _nfd(_nfd(name).casefold())


def _nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)
