"""Who is compared: the service's own backends, and what else one might use."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tornado_archiver.registry import builtin

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
RIVALS_PYTHON = PROJECT / ".venv-bench" / "bin" / "python"

NGINX = "nginx, finished zip"

_NGINX_CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {scratch}/nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {scratch}/client_body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {zips};
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is started: a port and scratch directory of its own, and what all of them serve."""

    photos: Path
    zips: Path
    scratch: Path
    port: int


@dataclass(frozen=True, slots=True)
class Contender:
    """`path` is where the archive of a directory `{}` is; `missing` says what is not installed.

    One that is `fresh` is started anew before each download, one that is `zipped` sends a finished zip.
    """

    name: str
    command: Callable[[Place], Sequence[str]]
    path: str = "/archive/{}/"
    suffix: str = ".zip"
    missing: str | None = None
    fresh: bool = False
    zipped: bool = False
    own: bool = False


def own_names() -> list[str]:
    """The backends in the box."""
    return [point.name for point in builtin()]


def own(backend: str, *flags: str) -> Contender:
    """The service with this backend, and no other setting but `flags` and that one client may have as much as
    it likes: here all of them come from one address."""

    def command(place: Place) -> list[str]:
        server = [sys.executable, str(PROJECT / "server.py"), "-P", str(place.port)]
        limits = ["--max-downloads", "0", "--max-downloads-per-client", "0"]
        return [*server, "--photos-dir", str(place.photos), "--backend", backend, *limits, *flags]

    suffix = ".zip" if "zip" in backend else f".{backend}"
    return Contender(backend, command, suffix=suffix, missing=_program("zip") if backend == "zip" else None)


def contenders() -> list[Contender]:
    """All of them, the service's own first."""
    return [*(found for name in own_names() for found in _own(name)), *_rivals()]


def _own(backend: str) -> list[Contender]:
    """The backend that keeps CRCs twice: with those of the first download at hand, and without."""
    found = replace(own(backend), own=True)
    if backend != "stored-zip":
        return [found]
    names = {f"{backend}, CRC cache {state}": state == "cold" for state in ("warm", "cold")}
    return [replace(found, name=name, fresh=fresh) for name, fresh in names.items()]


def _rivals() -> list[Contender]:
    environment = None if RIVALS_PYTHON.exists() else "there is no .venv-bench: `make bench` makes it"
    return [
        Contender(NGINX, _nginx, path="/{}.zip", zipped=True, missing=_program("nginx") or _program("zip")),
        Contender("copyparty", _copyparty, path="/archive/{}/?zip", missing=environment),
        Contender("zipstream-ng, uvicorn", _zipstream, missing=environment),
        Contender("aiohttp, zip program", _aiohttp, missing=environment or _program("zip")),
    ]


def _program(name: str) -> str | None:
    return None if shutil.which(name) else f"{name} is not installed"


def _nginx(place: Place) -> list[str]:
    # as root its worker would be nobody, who may not look into a temporary directory
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = place.scratch / "nginx.conf"
    configuration.write_text(
        _NGINX_CONFIGURATION.format(scratch=place.scratch, zips=place.zips, port=place.port, user=user)
    )
    return ["nginx", "-e", "stderr", "-p", str(place.scratch), "-c", str(configuration)]


def _copyparty(place: Place) -> list[str]:
    volume = f"{place.photos}:/archive:r"
    server = [str(RIVALS_PYTHON), "-m", "copyparty", "-q", "-i", "127.0.0.1", "-p", str(place.port)]
    return [*server, "-v", volume, "--no-thumb"]


def _zipstream(place: Place) -> list[str]:
    server = [str(RIVALS_PYTHON), "-m", "uvicorn", "--app-dir", str(HERE / "rivals"), "zipstream_asgi:app"]
    return [*server, "--port", str(place.port), "--no-access-log", "--log-level", "warning"]


def _aiohttp(place: Place) -> list[str]:
    return [str(RIVALS_PYTHON), str(HERE / "rivals" / "aiohttp_zip.py")]
