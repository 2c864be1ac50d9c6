"""The texts of the error pages, and values on the home page. `web.rendering` renders the pages.

Rule: no function here is given an exception or a local path, so neither can appear on a page.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tornado_archiver.settings.types import unix_path

# RFC 9110 12.4.2: a weight from 0 to 1 with at most three decimals
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """An error page for the user who opened a link.

    `key`: the name of the page for templates, which never changes. `title`: one short sentence without a full
    stop. `message`: one or two sentences. Both are plain text. `formats`: name and suffix of each format that
    the page names.
    """

    key: str
    status: int
    title: str
    message: str
    formats: tuple[tuple[str, str], ...] = ()


BAD_REQUEST = ErrorPage(
    "bad-request",
    400,
    "This link is not complete",
    "Part of the address is missing or wrong. Open the link again exactly as you received it.",
)
NOT_FOUND = ErrorPage(
    "not-found",
    404,
    "This archive does not exist or was removed",
    "Check that you opened the whole link. If you did, ask the person who sent it for a new one.",
)
METHOD_NOT_ALLOWED = ErrorPage(
    "method-not-allowed",
    405,
    "An archive can only be downloaded",
    "This address accepts downloads only. Open the link in a browser to download the archive.",
)
EXPIRED = ErrorPage(
    "expired",
    410,
    "This link has expired",
    "It was valid for a limited time. Ask the person who sent it for a new one.",
)
TOO_LARGE = ErrorPage(
    "too-large",
    413,
    "This directory is too large for one archive",
    "It exceeds the size limit of this site. Ask the person who sent you the link for the files in smaller "
    "parts.",
)
BUSY = ErrorPage(
    "busy",
    503,
    "Too many downloads are running right now",
    "Your link is fine. The download can begin as soon as another one has ended.",
)
UPLOADING = ErrorPage(
    "uploading",
    503,
    "Files are being uploaded to this archive",
    "Your link is fine. The download will be possible as soon as the upload has ended.",
)
PRECONDITION_FAILED = ErrorPage(
    "changed",
    412,
    "This archive has changed",
    "It changed after your download started. Please start the download again.",
)
RANGE_NOT_SATISFIABLE = ErrorPage(
    "no-such-range",
    416,
    "This part of the archive does not exist",
    "Your download may be complete already. If not, please start it again.",
)
FAILED = ErrorPage(
    "failed",
    500,
    "This archive could not be packed",
    "Something went wrong on our side. The owner of this site can find the reason in the log.",
)
UNAVAILABLE = ErrorPage(
    "unavailable",
    503,
    "Archives are not available right now",
    "If this continues, contact the person who sent you the link.",
)
UNREADABLE = ErrorPage(
    "unreadable",
    503,
    "Archives are not available",
    "Only the owner of this site can solve this, and can find the reason in the log. Contact the person who "
    "sent you the link.",
)


def unknown_format(offered: Sequence[tuple[str, str]]) -> ErrorPage:
    """Return the page for an unknown `?format=`. `offered`: name and suffix of each format, at least one.

    The page does not repeat the requested name, because anyone can write a link.
    """
    return ErrorPage(
        "unknown-format",
        400,
        "This format is not available",
        f'Available formats: {_suffixes(offered)}. A link without "?format=" gives a {offered[0][1]} file.',
        tuple(offered),
    )


def old_protocol(formats: Sequence[tuple[str, str]]) -> ErrorPage:
    """Return the page for a client to which an aborted archive of unknown length would look complete.

    `formats`: name and suffix of the offered formats with known length, possibly none.
    """
    message = (
        "An interrupted download would look complete. Use a current browser. If you do, this site's proxy "
        "uses HTTP/1.0 or hides errors."
    )
    if formats:
        message += f" Formats that work: {_suffixes(formats)}."
    return ErrorPage("old-protocol", 505, "This archive cannot be sent this way", message, tuple(formats))


def _suffixes(formats: Sequence[tuple[str, str]]) -> str:
    """Return the suffixes without duplicates, because stored-zip and zip are both .zip."""
    return ", ".join(dict.fromkeys(suffix for _, suffix in formats))


_EXAMPLE_FORMATS = (("stored-zip", ".zip"), ("tar", ".tar"))
# Every page, with example formats: the keys are the names that templates can have
ERROR_PAGES = {
    page.key: page
    for page in (
        BAD_REQUEST,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        EXPIRED,
        TOO_LARGE,
        BUSY,
        UPLOADING,
        PRECONDITION_FAILED,
        RANGE_NOT_SATISFIABLE,
        FAILED,
        UNAVAILABLE,
        UNREADABLE,
        unknown_format(_EXAMPLE_FORMATS),
        old_protocol(_EXAMPLE_FORMATS),
    )
}


def prefers_html(accept_header: str) -> bool:
    """Return whether a response should be HTML. `accept_header` is "" if the request has none.

    Only a client that names HTML, with at least the weight of plain text, counts as a browser. `curl` and
    scripts send `*/*` and get two lines of text.
    """
    html = _quality(accept_header, "text/html", "application/xhtml+xml")
    return html > 0 and html >= _quality(accept_header, "text/plain")


def _quality(accept_header: str, *media_types: str) -> float:
    """Return the highest weight of these types, which must be named in full; a malformed weight is 0."""
    weights = [0.0]
    for media_range in "".join(accept_header.lower().split()).split(","):
        media_type, *parameters = media_range.split(";")
        if media_type in media_types:
            text = next((each[2:] for each in parameters if each.startswith("q=")), "1")
            weights.append(float(text) if _WEIGHT.fullmatch(text) else 0)
    return max(weights)


def example_url(protocol: str, host: str) -> str:
    """Return an example link. `host` is the Host header of the request, with the port."""
    return f"{protocol}://{host}/archive/<hash>/"


def upstream_url(address: str, port: int) -> str:
    """Return the `proxy_pass` value for nginx on the same host, for a service that listens on `address`."""
    if unix_path(address):
        return f"http://{address}"
    # a wildcard address is not a valid destination; "::" may accept IPv6 only
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
