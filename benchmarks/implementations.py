"""The implementations that the benchmarks compare: the built-in backends, nginx and other programs."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tornado_archiver.registry import builtin

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
COMPETITORS_PYTHON = PROJECT / ".venv-bench" / "bin" / "python"

NGINX = "nginx, prebuilt zip"

_NGINX_CONFIG = """\
daemon off;
worker_processes 1;
pid {tempdir}/nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {tempdir}/client_body;
    proxy_temp_path {tempdir}/proxy;
    fastcgi_temp_path {tempdir}/fastcgi;
    uwsgi_temp_path {tempdir}/uwsgi;
    scgi_temp_path {tempdir}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {zips};
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class ServerContext:
    """Parameters of a server: the shared source directories, its temporary directory and port."""

    photos: Path
    zips: Path
    tempdir: Path
    port: int


@dataclass(frozen=True, slots=True)
class Implementation:
    """A server to measure.

    `path`: URL path of the archive of the directory `{}`. `missing`: reason why the implementation cannot
    run. `is_restarted`: restart the server before each download. `zipped`: sends a prebuilt zip.
    """

    name: str
    command: Callable[[ServerContext], Sequence[str]]
    path: str = "/archive/{}/"
    extension: str = ".zip"
    missing: str | None = None
    is_restarted: bool = False
    zipped: bool = False
    is_service: bool = False


def builtin_backends() -> list[str]:
    """Return the names of the built-in backends."""
    return [entry_point.name for entry_point in builtin()]


def service(backend: str, *flags: str) -> Implementation:
    """Return the service with this backend and `flags`, otherwise with default settings.

    The limits of downloads are disabled, because all clients connect from one address, and the settle time,
    because the photos were just written.
    """

    def command(context: ServerContext) -> list[str]:
        server = [sys.executable, str(PROJECT / "server.py"), "-P", str(context.port)]
        limits = ["--max-downloads", "0", "--max-downloads-per-client", "0", "--settle-time", "0"]
        return [*server, "--photos-dir", str(context.photos), "--backend", backend, *limits, *flags]

    extension = ".zip" if "zip" in backend else f".{backend}"
    missing = _missing_program("zip") if backend == "zip" else None
    return Implementation(backend, command, extension=extension, missing=missing, is_service=True)


def implementations() -> list[Implementation]:
    """Return all implementations, those of the service first."""
    return [*(variant for name in builtin_backends() for variant in _variants(name)), *_competitors()]


def _variants(backend: str) -> list[Implementation]:
    """Return the backend; `stored-zip` twice, with a warm and a cold CRC cache."""
    variant = service(backend)
    if backend != "stored-zip":
        return [variant]
    return [
        replace(variant, name=f"{backend}, CRC cache {state}", is_restarted=state == "cold")
        for state in ("warm", "cold")
    ]


def _competitors() -> list[Implementation]:
    missing = None if COMPETITORS_PYTHON.exists() else ".venv-bench does not exist; run `make bench`"
    return [
        Implementation(
            NGINX,
            _nginx,
            path="/{}.zip",
            zipped=True,
            missing=_missing_program("nginx") or _missing_program("zip"),
        ),
        Implementation("copyparty", _copyparty, path="/archive/{}/?zip", missing=missing),
        Implementation("zipstream-ng, uvicorn", _zipstream, missing=missing),
        Implementation("aiohttp, zip program", _aiohttp, missing=missing or _missing_program("zip")),
    ]


def _missing_program(name: str) -> str | None:
    return None if shutil.which(name) else f"{name} is not installed"


def _nginx(context: ServerContext) -> list[str]:
    # because a worker of root's nginx is unprivileged by default and cannot read the temporary directory
    user = "user root;" if os.geteuid() == 0 else ""
    config = context.tempdir / "nginx.conf"
    config.write_text(
        _NGINX_CONFIG.format(tempdir=context.tempdir, zips=context.zips, port=context.port, user=user)
    )
    return ["nginx", "-e", "stderr", "-p", str(context.tempdir), "-c", str(config)]


def _copyparty(context: ServerContext) -> list[str]:
    volume = f"{context.photos}:/archive:r"
    server = [str(COMPETITORS_PYTHON), "-m", "copyparty", "-q", "-i", "127.0.0.1", "-p", str(context.port)]
    return [*server, "-v", volume, "--no-thumb"]


def _zipstream(context: ServerContext) -> list[str]:
    server = [str(COMPETITORS_PYTHON), "-m", "uvicorn", "--app-dir", str(HERE / "competitors")]
    return [
        *server,
        "zipstream_asgi:app",
        "--port",
        str(context.port),
        "--no-access-log",
        "--log-level",
        "warning",
    ]


def _aiohttp(context: ServerContext) -> list[str]:
    return [str(COMPETITORS_PYTHON), str(HERE / "competitors" / "aiohttp_zip.py")]
