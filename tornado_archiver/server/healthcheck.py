"""`tornado-archiver healthcheck`: asks a running service whether it answers."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError
from tornado_archiver.server.health_client import get_health
from tornado_archiver.settings.load import load_settings


def main(argv: Sequence[str]) -> int:
    """Print one line. Return 0 if `/healthz` is answered with 200, else 1: Docker defines no other status.

    `argv` has the flags of the service; the settings are read from where the service reads them. The first
    address is asked, because all workers accept from all addresses.
    """
    try:
        settings = load_settings(argv, os.environ, Path(".env"))
        health = get_health(settings.host[0], settings.port)
    except (ArchiverError, ConnectionError) as error:
        return _report(1, str(error))
    return _report(int(health.status != 200), f"{health.url}: status {health.status}")


def _report(exit_status: int, text: str) -> int:
    (sys.stderr if exit_status else sys.stdout).write(f"{program_name()} healthcheck: {text}\n")
    return exit_status
