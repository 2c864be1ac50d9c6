"""`tornado-archiver healthcheck`: asks a running service whether it answers."""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError
from tornado_archiver.settings.load import load_settings
from tornado_archiver.web.pages import upstream_url

_TIMEOUT_S = 2  # below the three seconds of the Dockerfile, so that the reason is printed


def main(argv: Sequence[str]) -> int:
    """Print one line. Return 0 if `/healthz` is answered with 200, else 1: Docker defines no other status.

    `argv` has the flags of the service; the settings are read from where the service reads them.
    """
    try:
        settings = load_settings(argv, os.environ, Path(".env"))
    except ArchiverError as error:
        return _report(1, str(error))
    url = f"{upstream_url(settings.host, settings.port)}/healthz"
    try:
        status = _get(url)
    except (OSError, HTTPException) as error:
        return _report(1, f"{url}: {' '.join(str(error).split())}")  # it may quote what was received
    return _report(int(status != 200), f"{url}: status {status}")


def _get(url: str) -> int:
    address = urlsplit(url)
    connection = HTTPConnection(address.netloc, timeout=_TIMEOUT_S)  # urllib.request would obey http_proxy
    with closing(connection):
        connection.request("GET", address.path)
        return connection.getresponse().status


def _report(exit_status: int, text: str) -> int:
    (sys.stderr if exit_status else sys.stdout).write(f"{program_name()} healthcheck: {text}\n")
    return exit_status
