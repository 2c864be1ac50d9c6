"""`tornado-archiver healthcheck`: asks a running service whether it answers, and tries to read the photos."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings
from tornado_archiver.settings.types import unix_path
from tornado_archiver.telemetry.photos import photos_problem_within
from tornado_archiver.web.pages import upstream_url

# together below the three seconds of the Dockerfile, so that the reason is printed
_RESPONSE_TIMEOUT_S = 1.5
_DISK_TIMEOUT_S = 1
# Responses of this service have both headers (web.base_handler), and hardly any other program sends them
_OUR_HEADERS = ("X-Request-ID", "X-Robots-Tag")


def main(argv: Sequence[str]) -> int:
    """Print one line. Return 0 if `/healthz` is answered with 200 and the photos directory can be read.

    Otherwise return 1, because Docker defines no other status. `argv` has the flags of the service; the
    settings are read from where the service reads them. The first address is asked, because all workers
    accept from all addresses.
    """
    try:
        settings = load_settings(argv, os.environ, Path(".env"))
        health = get_health(settings.host[0], settings.port)
    except (ArchiverError, ConnectionError) as error:
        return _report(1, str(error))
    if health.status == 200 and (problem := _photos_problem(settings)):
        return _report(1, problem)
    return _report(int(health.status != 200), f"{health.url}: status {health.status}")


def _photos_problem(settings: Settings) -> str:
    """Return why the photos directory cannot be read, "" if it can.

    `/healthz` does not check it, because a liveness probe that depends on a disk would have working services
    restarted. In the container this command runs as the user of the service, with the same mounts.
    """
    return asyncio.run(photos_problem_within(settings, _DISK_TIMEOUT_S))


def _report(exit_status: int, text: str) -> int:
    (sys.stderr if exit_status else sys.stdout).write(f"{program_name()} healthcheck: {text}\n")
    return exit_status


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
    connection = (
        _UnixConnection(path) if path else HTTPConnection(urlsplit(url).netloc, timeout=_RESPONSE_TIMEOUT_S)
    )
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
        super().__init__("localhost", timeout=_RESPONSE_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_RESPONSE_TIMEOUT_S)
        self.sock.connect(self._path)
