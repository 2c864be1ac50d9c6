"""Portable and unique member names, from any file names on the disk. Pure.

The names that Windows rejects are listed in Microsoft's "Naming Files, Paths, and Namespaces". An invalid
character is replaced by one that looks like it (`:` by U+FF1A), a byte that is not UTF-8 by `%FF`, so that
names stay readable and rarely collide.
"""

import re
import unicodedata
from collections.abc import Iterable

MAX_NAME_BYTES = 255  # of one part of a path, on ext4, XFS, APFS and NTFS alike
# below PATH_MAX (limits.h), 4,096, because programs unpack by path, beneath some directory, and the zip
# program reads by path. Also bounds the memory, because the names of n nested directories take n * n bytes.
MAX_PATH_BYTES = 4000

_FULLWIDTH_OFFSET = 0xFEE0
_CONTROL_PICTURES = 0x2400
_REPLACEMENTS = (
    {ord(character): ord(character) + _FULLWIDTH_OFFSET for character in '<>:"|?*\\/'}
    | {control: control + _CONTROL_PICTURES for control in range(0x20)}
    | {0x7F: "\u2421"}
    | {control: "".join(f"%{byte:02X}" for byte in chr(control).encode()) for control in range(0x80, 0xA0)}
    | {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}  # PEP 383: a byte that is not UTF-8
)
_LAST_CHARACTER = {".": "\uff0e", " ": "\u2420"}  # because Windows drops a trailing dot or space
# device names with any suffix, because Windows opens the console for `con`, `con.txt` and `con .txt`
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(?= *(\.|$))", re.IGNORECASE
)
_NOT_PORTABLE = re.compile(
    f"[{re.escape(''.join(map(chr, _REPLACEMENTS)))}]|[. ]$|^{_RESERVED.pattern}", re.IGNORECASE
)
# The same for many names with a NUL before and after each: the ASCII bytes that are valid anywhere, and the
# reserved names in lower case. Two checks, because one expression for all is much slower.
_PORTABLE_BYTES = b"\0" + bytes(set(range(0x20, 0x7F)) - _REPLACEMENTS.keys())
_RESERVED_BYTES = re.compile(rb"\0(?:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9]) *[\0.]")
_MAX_NUMBER_BYTES = len(" (99999999)")
_MAX_SUFFIX_BYTES = 20  # a longer one is part of the name


def portable_name(name: bytes) -> str:
    """Return one part of a path (no `/`) as a name that is valid on any system, unchanged if possible."""
    return _truncate(_make_portable(name.decode("utf-8", "surrogateescape")), MAX_NAME_BYTES)


def portable_file_name(stem: str, suffix: str, max_bytes: int) -> str:
    """Return a file name that is valid on any system, of at most `max_bytes` of UTF-8.

    The suffix includes its dot, is portable and is never truncated.
    """
    return _join_truncated(_make_portable(stem + suffix).removesuffix(suffix), suffix, max_bytes)


def _make_portable(text: str) -> str:
    if not _NOT_PORTABLE.search(text):
        return text
    text = _fix_last_character(text.translate(_REPLACEMENTS))
    return _RESERVED.sub(r"\1_", text, count=1) if _RESERVED.match(text) else text


def _fix_last_character(text: str) -> str:
    return text[:-1] + _LAST_CHARACTER.get(text[-1], text[-1])


def _truncate(text: str, max_bytes: int) -> str:
    """Return `text` in at most `max_bytes` of UTF-8, truncated before its suffix.

    A dot or space at the end of the stem is replaced, because Windows rejects such names (`con    .txt`).
    """
    return _join_truncated(*_split(text), max_bytes)


def _join_truncated(stem: str, suffix: str, max_bytes: int) -> str:
    if len((stem + suffix).encode()) <= max_bytes:
        return stem + suffix
    stem_bytes = max_bytes - len(suffix.encode()) - 2  # - 2, because a replaced last character is longer
    return _fix_last_character(stem.encode()[:stem_bytes].decode("utf-8", "ignore")) + suffix


def _split(name: str) -> tuple[str, str]:
    """Return stem and suffix; the suffix includes its dot, and is empty for a name without one."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and len(suffix.encode()) < _MAX_SUFFIX_BYTES else (name, "")


def unique_names(names: Iterable[bytes]) -> dict[bytes, str]:
    """Return a portable name for each name in one directory; the portable names are unique.

    Names that differ only in case or normal form are numbered (`A.jpg`, `a (2).jpg`), because they would
    overwrite each other when unpacked on Windows or macOS. Names that are portable already are assigned
    first, in byte order, and numbers last, so that a numbered name does not equal another name.
    """
    ordered = sorted(names)
    if (unchanged := _all_portable(ordered)) is not None:
        return unchanged
    portable = {name: portable_name(name) for name in ordered}
    taken: dict[str, int] = {}  # collision keys with the last number, so that numbering does not restart
    unnumbered: dict[bytes, str] = {}
    for name in sorted(portable, key=lambda name: portable[name].encode() != name):
        key = _collision_key(portable[name])
        if key not in taken:
            taken[key] = 1
            unnumbered[name] = portable[name]
    return {name: unnumbered.get(name) or _deduplicate(portable[name], taken) for name in portable}


def unique_name(name: str, siblings: Iterable[str]) -> str:
    """Return `name`, numbered like in `unique_names` if one of the siblings has it."""
    return _deduplicate(name, {_collision_key(sibling): 1 for sibling in siblings})


def _all_portable(names: list[bytes]) -> dict[bytes, str] | None:
    """Return the names unchanged if all are portable ASCII and unique, else None.

    The usual case, so all names are checked at once: there are thousands before the first byte.
    """
    joined = b"\0" + b"\0".join(names) + b"\0"
    lower = joined.lower()
    if (
        joined.translate(None, _PORTABLE_BYTES)
        or b".\0" in joined
        or b" \0" in joined
        or _RESERVED_BYTES.search(lower)
    ):
        return None
    has_collision = len(set(lower[1:-1].split(b"\0"))) < len(names)
    if has_collision or len(max(names, key=len, default=b"")) > MAX_NAME_BYTES:
        return None
    return dict(zip(names, joined[1:].decode().split("\0"), strict=False))


def _deduplicate(name: str, taken: dict[str, int]) -> str:
    """Return `name` with a number if it is taken, and mark it as taken.

    A long name is truncated as if for the longest number. So names that differ only after that share a
    counter, and none of them tries the numbers of the others.
    """
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
    """Return a key that is equal for canonical caseless matches (The Unicode Standard, D145)."""
    return name.lower() if name.isascii() else _nfd(_nfd(name).casefold())


def _nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)
