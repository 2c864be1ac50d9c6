"""Parser for the path of an archive link. Pure: the storage checks whether the directory exists."""

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from tornado_archiver.sources.filter import is_never_served
from tornado_archiver.sources.member_names import MAX_NAME_BYTES


class LinkPath(NamedTuple):
    """`source_hash`: the name of the directory. `file_name`: the last part of a path such as
    `<hash>/holiday.zip`, "" without one."""

    source_hash: str
    file_name: str = ""


def parse_path(path: str) -> LinkPath | None:
    """Return the parts of `path`, the percent-encoded part of a link's path after `/archive/`.

    `path` has one character for each byte of the request line, as Tornado passes it, because curl sends
    `/archive/фото/` unencoded in UTF-8.

    It is a hash, optionally followed by a slash and by a file name; each is decoded once (RFC 3986 2.4).
    Return None for any other path.
    """
    encoded_hash, _, encoded_name = path.partition("/")
    source_hash = _parse_part(encoded_hash)
    file_name = _parse_part(encoded_name) if encoded_name else ""
    if source_hash is None or file_name is None or is_never_served(source_hash.encode()):
        return None
    return LinkPath(source_hash, file_name)


def parse_hash(path: str) -> str | None:
    """Return the hash of a link without a file name: one name, optionally followed by one slash.

    Return None for a path that cannot name a directory directly in the photos root: an empty name, `.`, `..`,
    a hidden name, junk, a slash or a backslash in any encoding, a character that is not printable, bytes that
    are not UTF-8, or a name of more than 255 bytes.
    """
    parts = parse_path(path)
    return parts.source_hash if parts and not parts.file_name else None


def _parse_part(encoded: str) -> str | None:
    """Return one decoded part of the path, None for one that is not a printable name."""
    try:
        name = unquote_to_bytes(encoded.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return None
    is_name = bool(name) and "/" not in name and "\\" not in name and name.isprintable()
    return name if is_name and len(name.encode()) <= MAX_NAME_BYTES else None
