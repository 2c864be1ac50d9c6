"""From the path of a link to the hash in it. Pure: whether there is such a directory, the storage knows."""

from urllib.parse import unquote_to_bytes

from tornado_archiver.sources.filter import is_never_served

MAX_HASH_BYTES = 255  # of a directory's name on any file system in use


def parse_hash(path: str) -> str | None:
    """The hash in `path`, the part of a link's path after `/archive/`, still percent-encoded.

    `path` holds one character for each byte of the request line, as Tornado hands it over: curl sends
    `/archive/фото/` as it was typed, in UTF-8.

    One name, with or without one slash behind it, decoded once (RFC 3986 2.4). None for whatever cannot
    name a directory directly beneath the photos root: nothing, `.`, `..`, a hidden name, one of junk, a slash
    or a backslash in any encoding, a character that does not print, bytes that are not UTF-8, an over-long
    name.
    """
    try:
        name = unquote_to_bytes(path.removesuffix("/").encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return None
    is_name = bool(name) and "/" not in name and "\\" not in name and name.isprintable()
    encoded = name.encode()
    return name if is_name and len(encoded) <= MAX_HASH_BYTES and not is_never_served(encoded) else None
