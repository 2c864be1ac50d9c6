"""Loads, configures, creates and checks the backends that the settings name."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import BackendLoadError, BackendUnavailableError
from tornado_archiver.registry import Registry, builtin, installed_entry_points
from tornado_archiver.settings.backend_options import LoadedOptions, load_backend_options
from tornado_archiver.settings.options import Settings

log = logging.getLogger(__name__)

_CHECK_TIMEOUT_S = 10  # because the supervisor handles no signals while it waits for a backend


async def create_backends(settings: Settings) -> list[Backend]:
    """Return the default backend and those of the further formats, checked.

    Raise BackendLoadError, BackendUnavailableError, SettingsError.
    """
    registry = _registry()
    loaded = _load_options(registry, settings)
    for warning in [*registry.warnings, *loaded.warnings]:
        log.warning("%s", warning)
    checked_backends = []
    for name, options in loaded.options.items():
        with _named_in_errors(name, settings):
            backend = registry.create(name, options)
            await _check_backend(backend, registry.origin(name))
        checked_backends.append(backend)
    return checked_backends


def describe_options(settings: Settings) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return key, value and origin of each setting of a backend, and warnings.

    A backend that cannot be loaded is a warning. Raise SettingsError.
    """
    registry = _registry()
    try:
        loaded = _load_options(registry, settings)
    except BackendLoadError as error:
        return [], [str(error)]
    return loaded.rows, [*registry.warnings, *loaded.warnings]


def _registry() -> Registry:
    return Registry([*builtin(), *installed_entry_points()])


def _load_options(registry: Registry, settings: Settings) -> LoadedOptions[BackendOptions]:
    defaults = {}
    for name in dict.fromkeys((settings.backend, *settings.formats)):
        with _named_in_errors(name, settings):
            defaults[name] = replace(
                registry.load(name).options,
                compress_level=settings.compression_level,
                stored_threshold=settings.stored_threshold,
            )
    # those that `load_settings` knows, so that it reports all other variables
    installed = [point.name for point in installed_entry_points()]
    return load_backend_options(defaults, settings.backend_sources, installed)


@contextmanager
def _named_in_errors(name: str, settings: Settings) -> Iterator[None]:
    """Add the setting that names the backend, and its origin, to an error."""
    setting = "backend" if name == settings.backend else "formats"
    try:
        yield
    except (BackendLoadError, BackendUnavailableError) as error:
        raise type(error)(f"{setting}: {name!r} ({settings.origins[setting]}): {error}") from error


async def _check_backend(backend: Backend, origin: str) -> None:
    """Raise BackendUnavailableError for any error, because a plugin may raise any type."""
    timeout = asyncio.timeout(_CHECK_TIMEOUT_S)
    try:
        async with timeout:
            await backend.check()
    except (Exception, SystemExit) as error:
        problem = _describe_failure(error, is_late=timeout.expired())
        raise BackendUnavailableError(f"{origin}: {problem}" if origin else problem) from error


def _describe_failure(error: BaseException, *, is_late: bool) -> str:
    if isinstance(error, BackendUnavailableError):
        return str(error) or "the backend is unavailable and gives no reason"
    if isinstance(error, TimeoutError) and is_late:
        return f"the check did not end within {_CHECK_TIMEOUT_S:g} s"
    return f"the check failed: {error!r}"
