"""The Content-Disposition header of a download (RFC 6266). Pure."""

from urllib.parse import quote

# RFC 8187 3.2.1: attr-char without letters and digits, which `quote` never encodes
_ATTR_CHAR = "!#$&+-.^_`|~"
# because browsers differ in unescaping a quoted-string (RFC 6266 appendix D), and some decode `%`
_NOT_IN_FALLBACK = '"\\%'


def content_disposition(file_name: str) -> str:
    """Return the value with which browsers save the body as `file_name` (no slashes, no control characters).

    A name that is not plain ASCII is given twice: as an ASCII fallback for old clients, and as defined by
    RFC 8187, which every browser prefers.
    """
    fallback = "".join(_ascii_fallback(character) for character in file_name)
    if fallback == file_name:
        return f'attachment; filename="{file_name}"'
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(file_name, safe=_ATTR_CHAR)}"


def _ascii_fallback(character: str) -> str:
    return "_" if not character.isascii() or character in _NOT_IN_FALLBACK else character
