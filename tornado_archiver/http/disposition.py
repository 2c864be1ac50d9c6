"""The Content-Disposition of a download (RFC 6266). Pure."""

from urllib.parse import quote

# RFC 8187 3.2.1: attr-char; everything else is percent-encoded. Letters and digits need no mention.
_ATTR_CHAR = "!#$&+-.^_`|~"
# A quoted-string may hold these only escaped, and browsers differ in unescaping (RFC 6266 appendix D); `%`
# is decoded by some.
_NOT_IN_FALLBACK = '"\\%'


def content_disposition(file_name: str) -> str:
    """The header's value that makes a browser save the body as `file_name` (no slashes, no controls).

    A name that plain ASCII cannot carry comes twice: as a fallback for old clients, and after RFC 8187,
    which every browser prefers.
    """
    fallback = "".join(_ascii_fallback(character) for character in file_name)
    if fallback == file_name:
        return f'attachment; filename="{file_name}"'
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(file_name, safe=_ATTR_CHAR)}"


def _ascii_fallback(character: str) -> str:
    return "_" if not character.isascii() or character in _NOT_IN_FALLBACK else character
