"""What people read in a browser: the notices that stand in for an archive, the home page and the admin's.

Rule: nothing here is given an exception or a path on this machine, so neither can get onto a page.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tornado.template import Loader

from tornado_archiver.telemetry.status import Status, format_bytes, format_duration

_TEMPLATES = Loader(os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates"))

# RFC 9110 12.4.2: a weight from 0 to 1 with at most three decimals
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """An answer without an archive, in words for whoever opened the link.

    `title` is one short sentence without a full stop, `message` one or two whole ones; both are plain text.
    """

    status: int
    title: str
    message: str


BAD_REQUEST = ErrorPage(
    400,
    "This link is not complete",
    "Part of the address is missing or wrong. Open the link again exactly as you were sent it.",
)
NOT_FOUND = ErrorPage(
    404,
    "This archive does not exist or was removed",
    "Check that you opened the whole link. If you did, ask whoever sent it to you for a new one.",
)
METHOD_NOT_ALLOWED = ErrorPage(
    405,
    "An archive can only be downloaded",
    "This address takes no other kind of request. Open the link in a browser to download the archive.",
)
EXPIRED = ErrorPage(
    410,
    "This link has expired",
    "It opened an archive for a limited time, which is over. Ask whoever sent it to you for a new one.",
)
TOO_LARGE = ErrorPage(
    413,
    "This directory is too large for one archive",
    "The owner of the site has set a limit, and there is more in it. Ask whoever sent you the link for the "
    "files in smaller parts.",
)
BUSY = ErrorPage(
    503,
    "Too many downloads are running right now",
    "Nothing is wrong with your link. Wait half a minute, then open it again.",
)
PRECONDITION_FAILED = ErrorPage(
    412,
    "This archive has changed",
    "It is not the one that your download began with. Start the download anew.",
)
RANGE_NOT_SATISFIABLE = ErrorPage(
    416,
    "This part of the archive does not exist",
    "The download asks for more than there is; it may be complete already. Otherwise start it anew.",
)
FAILED = ErrorPage(
    500,
    "This archive could not be packed",
    "Something went wrong on our side. The owner of the site can see the reason in the log of the service.",
)
UNAVAILABLE = ErrorPage(
    503,
    "Archives are not available right now",
    "Try again in a few minutes. If it stays like this, tell whoever sent you the link.",
)


def unknown_format(offered: Sequence[str]) -> ErrorPage:
    """The notice for a `?format=` that is none of `offered`, which holds at least one name.

    It does not repeat what was asked for: that comes from the link, and a link can come from anyone.
    """
    names = ", ".join(offered)
    return ErrorPage(
        400,
        "This format is not offered",
        f'Formats to choose from: {names}. A link without "?format=" gives {offered[0]}.',
    )


def old_protocol(formats: Sequence[str]) -> ErrorPage:
    """Return the notice for a client to which an aborted archive of unknown length would look complete.

    `formats` are the offered ones of known length, which may be none.
    """
    message = (
        "A broken download would look complete. Use a current browser; if you do, tell the owner "
        "of the site: a proxy uses HTTP/1.0 or hides errors."
    )
    if formats:
        message += f' Formats that work: {", ".join(formats)} ("?format={formats[0]}" in the link).'
    return ErrorPage(505, "This archive cannot be sent this way", message)


def prefers_html(accept_header: str) -> bool:
    """Whether an answer to a request with this Accept header ("" when it has none) should be a page.

    Only a client that names HTML and likes it no less than plain text is taken for a browser: `*/*` is what
    curl and scripts send, and they are better served with two lines of text.
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


def render_text(page: ErrorPage) -> str:
    """`page` for a terminal."""
    return f"{page.title}\n{page.message}\n"


def render_html(page: ErrorPage) -> bytes:
    """`page` as a whole page in UTF-8."""
    return _TEMPLATES.load("error.html").generate(status=page.status, title=page.title, message=page.message)


def home_page(
    *, example_url: str, demo_url: str | None, formats: Sequence[tuple[str, str]], upstream: str
) -> bytes:
    """The home page in UTF-8.

    `example_url` is an archive link with a placeholder for the hash; `demo_url` leads to the bundled album,
    None when that is not what is served. `formats` are the name and suffix of every format offered, the
    default first; `upstream` is where nginx reaches this service.
    """
    return _TEMPLATES.load("home.html").generate(
        example_url=example_url, demo_url=demo_url, formats=formats, upstream=upstream
    )


def status_page(status: Status) -> bytes:
    """The admin's page about what runs, in UTF-8."""
    return _TEMPLATES.load("status.html").generate(
        status=status, format_bytes=format_bytes, format_duration=format_duration
    )


def example_url(protocol: str, host: str) -> str:
    """What an archive link looks like for someone who reached this service as `host`, port included."""
    return f"{protocol}://{host}/archive/<hash>/"


def upstream_url(address: str, port: int) -> str:
    """What nginx on the same machine puts into `proxy_pass` for a service that listens on `address`."""
    # an address that stands for all of them is no place to send a request to; "::" stands for IPv6 ones only
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
