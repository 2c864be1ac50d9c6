"""`tornado-archiver healthcheck`: asks a running service whether it answers, and tries to read the photos."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError
from tornado_archiver.server.health_client import get_health
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings
from tornado_archiver.telemetry.photos import photos_problem

_DISK_TIMEOUT_S = 1  # with that of `health_client`, below the three seconds of the Dockerfile


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
    found: list[str] = []
    check = Thread(target=lambda: found.append(photos_problem(settings)), daemon=True)
    check.start()
    check.join(_DISK_TIMEOUT_S)
    return found[0] if found else f"the photos directory does not respond within {_DISK_TIMEOUT_S} s"


def _report(exit_status: int, text: str) -> int:
    (sys.stderr if exit_status else sys.stdout).write(f"{program_name()} healthcheck: {text}\n")
    return exit_status
