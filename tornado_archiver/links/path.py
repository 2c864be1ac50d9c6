"""Parser for the path of an archive link. Pure: the storage checks whether the directory exists."""

from urllib.parse import unquote_to_bytes

from tornado_archiver.sources.filter import is_never_served

MAX_HASH_BYTES = 255  # NAME_MAX of Linux file systems: limits.h


def parse_hash(path: str) -> str | None:
    """Return the hash in `path`, the percent-encoded part of a link's path after `/archive/`.

    `path` has one character for each byte of the request line, as Tornado passes it, because curl sends
    `/archive/фото/` unencoded in UTF-8.

    A hash is one name, optionally followed by one slash, and decoded once (RFC 3986 2.4). Return None for a
    path that cannot name a directory directly in the photos root: an empty name, `.`, `..`, a hidden name,
    junk, a slash or a backslash in any encoding, a character that is not printable, bytes that are not UTF-8,
    or a name of more than 255 bytes.
    """
    try:
        name = unquote_to_bytes(path.removesuffix("/").encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return None
    is_name = bool(name) and "/" not in name and "\\" not in name and name.isprintable()
    encoded = name.encode()
    return name if is_name and len(encoded) <= MAX_HASH_BYTES and not is_never_served(encoded) else None
