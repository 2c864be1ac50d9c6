"""Puts the parts together and runs them. The only place that knows both the core, the web and the box's
backends."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import backends
from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import ArchiverError, BackendUnavailableError, RegistryError, SettingsError
from tornado_archiver.local_storage import LocalStorage
from tornado_archiver.registry import Registry, installed
from tornado_archiver.selection import Selection
from tornado_archiver.service import Service
from tornado_archiver.settings import UNSET, Settings, describe
from tornado_archiver.settings_reader import read_settings
from tornado_archiver.web import access_log
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.pages import upstream_url
from tornado_archiver.web.server import listen, serve

log = logging.getLogger(__name__)

EXIT_UNUSABLE = 2  # a setting, a backend or the address cannot be used


def main(argv: Sequence[str]) -> int:
    """Serve until stopped; the exit status. What stands in the way is told in one line on stderr."""
    try:
        settings = read_settings(argv, os.environ, Path(".env"))
        if settings.print_config:
            sys.stdout.write(describe(settings) + "\n")
            return 0
        asyncio.run(_run(settings))
    except ArchiverError as error:
        sys.stderr.write(f"server.py: {error}\n")
        return EXIT_UNUSABLE
    return 0


async def _run(settings: Settings) -> None:
    _set_up_logging(settings.enable_logging)
    _raise_descriptor_limit()
    service = await make_service(settings)
    app = ArchiverApplication(
        service, demo_url=_demo_url(settings), upstream=upstream_url(settings.host, settings.port)
    )
    sockets = _listen(settings)
    _collect_garbage_less_often()
    log.info("packing the directories in %s as %s", settings.photos_dir, service.backends[0].name)
    if not os.access(settings.photos_dir, os.R_OK | os.X_OK):
        log.warning("the photos directory %s cannot be read: every link answers 503", settings.photos_dir)
    await serve(app, sockets)


def _listen(settings: Settings) -> list[socket.socket]:
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        origins = f"host: {settings.origins['host']}, port: {settings.origins['port']}"
        raise SettingsError(
            f"cannot listen on {settings.host} port {settings.port} ({origins}): {error.strerror};"
            " choose an address of this machine and a free port"
        ) from error


async def make_service(settings: Settings) -> Service:
    """The service that the settings ask for, its backends checked.

    Raises RegistryError, BackendUnavailableError.
    """
    selection = Selection(settings.include_hidden, settings.include_litter, settings.follow_symlinks)
    return Service(
        storage=LocalStorage(settings.photos_dir, selection),
        backends=await _backends(settings),
        download_name=settings.download_name,
        response_delay_s=settings.response_delay if settings.enable_response_delay else 0,
    )


async def _backends(settings: Settings) -> list[Backend]:
    registry = Registry([*backends.ENTRY_POINTS, *installed()])
    options = BackendOptions(level=settings.level, stored_threshold=settings.stored_threshold)
    found = []
    for name in dict.fromkeys((settings.backend, *settings.formats)):
        setting = "backend" if name == settings.backend else "formats"
        try:
            backend = registry.create(name, options)
            await backend.check()
        except (RegistryError, BackendUnavailableError) as error:
            raise type(error)(f"{setting}: {name!r} ({settings.origins[setting]}): {error}") from error
        found.append(backend)
    return found


def _demo_url(settings: Settings) -> str | None:
    """The link to the bundled album while that is what is served; no hash of real photos is ever shown."""
    if settings.origins["photos_dir"] != UNSET or not settings.photos_dir.is_dir():
        return None
    albums = sorted(path.name for path in settings.photos_dir.iterdir() if path.is_dir())
    return f"archive/{albums[0]}/" if albums else None


def _set_up_logging(requests: bool) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    access_log.log.setLevel(logging.INFO if requests else logging.WARNING)


def _raise_descriptor_limit() -> None:
    """Each visitor takes a few descriptors, and the usual soft limit is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_garbage_less_often() -> None:
    """A walk makes tens of thousands of small objects and no cycles: looking for some costs a tenth of it."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
