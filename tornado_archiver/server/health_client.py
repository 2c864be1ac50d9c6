"""Client of `/healthz`: asks an address whether the service answers there."""

import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple
from urllib.parse import urlsplit

from tornado_archiver.settings.types import unix_path
from tornado_archiver.web.pages import upstream_url

# with the time limit of `healthcheck` for the disk, below the three seconds of the Dockerfile, so that the
# reason is printed
_TIMEOUT_S = 1.5
# Responses of this service have both headers (web.base_handler), and hardly any other program sends them
_OUR_HEADERS = ("X-Request-ID", "X-Robots-Tag")


class Health(NamedTuple):
    """The response of `url`. `is_archiver`: whether it is from this program."""

    url: str
    status: int
    is_archiver: bool


def get_health(host: str, port: int) -> Health:
    """Ask the service that listens on this host and port, or on the Unix socket `host`.

    Raise ConnectionError, with one line of text that begins with the URL.
    """
    path = unix_path(host)
    url = f"{host if path else upstream_url(host, port)}/healthz"
    # urllib.request would obey http_proxy
    connection = _UnixConnection(path) if path else HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_S)
    try:
        with closing(connection):
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            return Health(url, response.status, all(response.headers.get(name) for name in _OUR_HEADERS))
    except (OSError, HTTPException) as error:
        text = " ".join(str(error).split())  # it may quote what was received
        raise ConnectionError(f"{url}: {text}") from error


class _UnixConnection(HTTPConnection):
    """An HTTP connection over the Unix socket at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(self._path)
