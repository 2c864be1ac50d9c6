"""Application factory: creates services, backends and the web application from the settings."""

from tornado_archiver.limits.admission import AdmissionControl
from tornado_archiver.limits.rate import RateLimiter
from tornado_archiver.limits.scoreboard import Limits, Scoreboard
from tornado_archiver.links.keys import load_link_keys
from tornado_archiver.server.backends import create_backends
from tornado_archiver.settings.options import Settings
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage, fail_if_unreadable
from tornado_archiver.sources.local.unreadable import skip_unreadable
from tornado_archiver.sources.shared_scan import SharedScanStorage
from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.photos import PhotosProbe
from tornado_archiver.web.app import ArchiverApplication
from tornado_archiver.web.pages import upstream_url
from tornado_archiver.web.rendering.own_templates import create_renderer
from tornado_archiver.web.services import Services

_ON_UNREADABLE = {"abort": fail_if_unreadable, "report": skip_unreadable}


async def create_services(settings: Settings, scoreboard: Scoreboard | None = None) -> Services:
    """Create the services that the settings describe, and check the backends. All workers share `scoreboard`.

    Raise BackendLoadError, BackendUnavailableError, SettingsError.
    """
    scoreboard = scoreboard or Scoreboard()
    source_filter = SourceFilter(
        settings.include_hidden,
        settings.include_junk,
        settings.follow_symlinks,
        settings.max_entries,
    )
    services = Services(
        storage=SharedScanStorage(
            LocalStorage(
                settings.photos_dir,
                source_filter,
                _ON_UNREADABLE[settings.on_unreadable],
                settings.settle_time,
            )
        ),
        backends=await create_backends(settings),
        admission=AdmissionControl(scoreboard, settings.queue_timeout),
        rate_limiter=_create_rate_limiter(settings, scoreboard),
        link_keys=load_link_keys(settings),
        download_name=settings.download_name,
        top_folder=settings.top_folder,
        max_bytes=settings.max_bytes,
        scan_timeout_s=settings.stall_timeout,
        renderer=create_renderer(settings),
    )
    scoreboard.limits = Limits(settings.max_downloads, settings.max_downloads_per_client)
    return services


def create_app(settings: Settings, services: Services, metrics: Metrics) -> ArchiverApplication:
    """Create the web application of a worker."""
    return ArchiverApplication(
        services,
        metrics=metrics,
        photos=PhotosProbe(settings.photos_dir),
        upstream=upstream_url(settings.host[0], settings.port),
        trusted_proxies=settings.trusted_proxies,
        cors_origins=settings.cors_origin,
        stall_timeout_s=settings.stall_timeout,
    )


def _create_rate_limiter(settings: Settings, scoreboard: Scoreboard) -> RateLimiter:
    return RateLimiter(
        rate_limit=settings.rate_limit,
        total=scoreboard.token_bucket(settings.total_rate_limit) if settings.total_rate_limit else None,
        delay_s=settings.response_delay if settings.enable_response_delay else 0,
        chunk_timeout_s=settings.stall_timeout,
    )
