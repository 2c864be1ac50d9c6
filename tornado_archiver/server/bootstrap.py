"""Puts the service together as the settings want it."""

import asyncio
import os

from tornado_archiver.admission import Admission
from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import BackendLoadError, BackendUnavailableError
from tornado_archiver.impatient_storage import ImpatientStorage
from tornado_archiver.ledger import Ledger, Limits
from tornado_archiver.links.keys import load_link_keys
from tornado_archiver.pacing import Pacing
from tornado_archiver.registry import Registry, builtin, installed_entry_points
from tornado_archiver.settings.options import DEFAULT, Settings
from tornado_archiver.source import Storage
from tornado_archiver.sources.filter import SourceFilter, is_never_served
from tornado_archiver.sources.local.storage import LocalStorage
from tornado_archiver.sources.local.unreadable import ReportingStorage
from tornado_archiver.sources.shared_scan import SharedScanStorage
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.metrics import Metrics
from tornado_archiver.web.pages import upstream_url
from tornado_archiver.web.services import Services

_STORAGE_CLASSES = {"abort": LocalStorage, "report": ReportingStorage}  # by on_unreadable
_CHECK_TIMEOUT_S = 10  # the supervisor hears nothing while it waits for a backend


async def create_services(settings: Settings, ledger: Ledger | None = None) -> Services:
    """The service that the settings ask for, its backends checked. `ledger` is shared by all workers.

    Raises BackendLoadError, BackendUnavailableError, SettingsError.
    """
    ledger = ledger or Ledger()
    source_filter = SourceFilter(
        settings.include_hidden,
        settings.include_junk,
        settings.follow_symlinks,
        settings.max_entries,
        settings.max_bytes,
    )
    service = Services(
        storage=_storage(settings, source_filter),
        backends=await _load_backends(settings),
        admission=Admission(ledger, settings.queue_timeout),
        pacing=_create_rate_limiter(settings, ledger),
        link_keys=load_link_keys(settings),
        download_name=settings.download_name,
    )
    ledger.limits = Limits(settings.max_downloads, settings.max_downloads_per_client)
    return service


def _storage(settings: Settings, source_filter: SourceFilter) -> Storage:
    local = _STORAGE_CLASSES[settings.on_unreadable](settings.photos_dir, source_filter)
    return ImpatientStorage(SharedScanStorage(local), settings.stall_timeout)


def create_app(settings: Settings, service: Services, metrics: Metrics) -> ArchiverApplication:
    """What a worker serves."""
    return ArchiverApplication(
        service,
        metrics=metrics,
        demo_url=_demo_url(settings),
        upstream=upstream_url(settings.host, settings.port),
        trusted_proxies=settings.trusted_proxies,
        stall_timeout_s=settings.stall_timeout,
    )


def _create_rate_limiter(settings: Settings, ledger: Ledger) -> Pacing:
    delay_s = settings.response_delay if settings.enable_response_delay else 0
    limits = settings.rate_limit, settings.total_rate_limit
    return Pacing(ledger, *limits, delay_s, patience_s=settings.stall_timeout)


async def _load_backends(settings: Settings) -> list[Backend]:
    registry = Registry([*builtin(), *installed_entry_points()])
    options = BackendOptions(
        compress_level=settings.compression_level, stored_threshold=settings.stored_threshold
    )
    found = []
    for name in dict.fromkeys((settings.backend, *settings.formats)):
        setting = "backend" if name == settings.backend else "formats"
        try:
            backend = registry.create(name, options)
            await _check_backend(backend, registry.origin(name))
        except (BackendLoadError, BackendUnavailableError) as error:
            raise type(error)(f"{setting}: {name!r} ({settings.origins[setting]}): {error}") from error
        found.append(backend)
    return found


async def _check_backend(backend: Backend, origin: str) -> None:
    """Raises BackendUnavailableError, whatever a backend that somebody else has written raises."""
    limit = asyncio.timeout(_CHECK_TIMEOUT_S)
    try:
        async with limit:
            await backend.check()
    except (Exception, SystemExit) as error:
        problem = _describe_failure(error, is_late=limit.expired())
        raise BackendUnavailableError(f"{origin}: {problem}" if origin else problem) from error


def _describe_failure(error: BaseException, *, is_late: bool) -> str:
    if isinstance(error, BackendUnavailableError):
        return str(error) or "it cannot work here and does not say why"
    if isinstance(error, TimeoutError) and is_late:
        return f"its check does not answer within {_CHECK_TIMEOUT_S:g} s"
    return f"its check failed: {error!r}"


def _demo_url(settings: Settings) -> str | None:
    """The link to the bundled album while that is what is served; no hash of real photos is ever shown."""
    if (
        settings.origins["photos_dir"] != DEFAULT
        or not settings.photos_dir.is_dir()
        or load_link_keys(settings)
    ):
        return None
    names = (path.name for path in settings.photos_dir.iterdir() if path.is_dir())
    albums = sorted(name for name in names if not is_never_served(os.fsencode(name)))
    return f"archive/{albums[0]}/" if albums else None
