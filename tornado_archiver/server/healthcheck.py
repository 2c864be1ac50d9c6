"""`tornado-archiver healthcheck`: asks a running service whether it answers, and reads its photos."""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings
from tornado_archiver.telemetry.photos import photos_problem
from tornado_archiver.web.pages import upstream_url

# together below the three seconds of the Dockerfile, so that the reason is printed
_TIMEOUT_S = 1.5
_DISK_TIMEOUT_S = 1


def main(argv: Sequence[str]) -> int:
    """Print one line. Return 0 if `/healthz` is answered with 200 and the photos directory can be read.

    Otherwise return 1, because Docker defines no other status.

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
    if status == 200 and (problem := _photos_problem(settings)):
        return _report(1, problem)
    return _report(int(status != 200), f"{url}: status {status}")


def _photos_problem(settings: Settings) -> str:
    """Return why the photos directory cannot be read, "" if it can.

    `/healthz` does not check it, because a liveness probe that depends on a disk would have working services
    restarted. In the container this command runs as the user of the service, with the same mounts.
    """
    found: list[str] = []
    check = Thread(target=lambda: found.append(photos_problem(settings)), daemon=True)
    check.start()
    check.join(_DISK_TIMEOUT_S)
    return found[0] if found else f"the photos directory does not respond within {_DISK_TIMEOUT_S} s"


def _get(url: str) -> int:
    address = urlsplit(url)
    connection = HTTPConnection(address.netloc, timeout=_TIMEOUT_S)  # urllib.request would obey http_proxy
    with closing(connection):
        connection.request("GET", address.path)
        return connection.getresponse().status


def _report(exit_status: int, text: str) -> int:
    (sys.stderr if exit_status else sys.stdout).write(f"{program_name()} healthcheck: {text}\n")
    return exit_status
