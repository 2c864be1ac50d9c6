"""Finds backends by name: the built-in and the installed ones, all by entry points.

An installed backend is loaded only when the settings name it: installing is not enabling.
"""

import inspect
import re
from collections.abc import Iterable
from configparser import ConfigParser
from dataclasses import Field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from tornado_archiver import ENTRY_POINT_GROUP
from tornado_archiver.backend import INTERFACE_VERSION, Backend, BackendOptions
from tornado_archiver.errors import BackendLoadError
from tornado_archiver.settings.similar import did_you_mean

GROUP = ENTRY_POINT_GROUP
_UNDECLARED = 1  # the interface version of a class without one: those before the first number were the same

# Other words for the built-in backends, without separators
_SYNONYMS = {
    **dict.fromkeys("gz gzip targzip tarball taz tgz".split(), "tar.gz"),
    **dict.fromkeys("infozip zipped deflate deflated".split(), "zip"),
    **dict.fromkeys("store stored uncompressed zipstore zipstored".split(), "stored-zip"),
}

# Restricted, because these values are used unescaped in settings, links, response headers and file names
METADATA_PATTERNS = {
    "name": re.compile(r"[a-z0-9][a-z0-9.+-]*"),
    "media_type": re.compile(r"[a-z]+/[a-z0-9.+-]+"),
    # bounded, because a file name also contains a stem
    "extension": re.compile(r"(\.[a-z0-9]{1,16}){1,4}"),
}


def builtin() -> list[EntryPoint]:
    """Return the built-in backends, which a checkout that is not installed has as well."""
    table = ConfigParser(delimiters="=", interpolation=None)
    table.read_string((Path(__file__).parent / "backends" / "entry_points.ini").read_text("utf-8"))
    return [EntryPoint(name, value, GROUP) for name, value in table.items(GROUP)]


def installed_entry_points() -> Iterable[EntryPoint]:
    """Return the backends of the packages that are installed with pip, this one among them."""
    return entry_points(group=GROUP)


class Registry:
    """Backends by name. A name that two packages define is an error only when it is requested."""

    def __init__(self, entry_points: Iterable[EntryPoint]) -> None:
        # by name and value, because sys.path can list the same package twice
        self._entry_points: dict[str, dict[str, EntryPoint]] = {}
        self._loaded: dict[str, type[Backend]] = {}
        self.warnings: list[str] = []  # about the loaded classes
        for point in entry_points:
            self._entry_points.setdefault(point.name, {}).setdefault(point.value, point)

    def names(self) -> list[str]:
        return sorted(self._entry_points)

    def load(self, name: str) -> type[Backend]:
        """Return the class of a backend.

        Raise BackendLoadError if the name is unknown or ambiguous, or the class is not a valid backend.
        """
        if name not in self._loaded:
            point = self._point(name)
            self._loaded[name] = _load(point)
            if not hasattr(self._loaded[name], "interface_version"):
                self.warnings.append(
                    f"backend {_origin(point)} does not declare `interface_version`, version {_UNDECLARED} is"
                    f" assumed; its author should add `interface_version = {INTERFACE_VERSION}` to the class"
                )
        return self._loaded[name]

    def create(self, name: str, options: BackendOptions) -> Backend:
        """Return a new backend. Raise BackendLoadError like `load`, or if the class raises an error."""
        point, backend = self._point(name), self.load(name)
        try:
            return backend(options)
        except (Exception, SystemExit) as error:
            raise BackendLoadError(f"backend {_origin(point)} cannot be created: {error!r}") from error

    def origin(self, name: str) -> str:
        """Return the class and the package of an installed backend, as in errors; "" for a built-in one."""
        point = self._point(name)
        return _origin(point) if point.dist else ""

    def _hint(self, name: str) -> str:
        hint = did_you_mean(name, self.names(), _SYNONYMS, otherwise="")
        return f", {hint} There are" if hint else "; there are"

    def _point(self, name: str) -> EntryPoint:
        if name not in self._entry_points:
            raise BackendLoadError(
                f"there is no backend {name!r}{self._hint(name)}: {', '.join(self.names())}"
            )
        point, *others = self._entry_points[name].values()
        if others:
            claims = " and ".join(map(_origin, (point, *others)))
            raise BackendLoadError(f"two backends are called {name!r}: {claims}; uninstall one of them")
        return point


def _load(point: EntryPoint) -> type[Backend]:
    try:
        backend = point.load()
    except (Exception, SystemExit) as error:  # some modules are scripts that end with sys.exit()
        raise BackendLoadError(f"backend {_origin(point)} cannot be loaded: {error!r}") from error
    if not (inspect.isclass(backend) and issubclass(backend, Backend)) or inspect.isabstract(backend):
        raise BackendLoadError(
            f"backend {_origin(point)} is not a backend: it must be a subclass of"
            " tornado_archiver.backend.Backend with `open` defined"
        )
    _validate_interface_version(backend, point)
    _validate_metadata(backend, point)
    _validate_options(backend, point)
    _validate_coroutines(backend, point)
    return backend


def _validate_metadata(backend: type[Backend], point: EntryPoint) -> None:
    for attribute, pattern in METADATA_PATTERNS.items():
        value = getattr(backend, attribute, None)
        if not isinstance(value, str):
            raise BackendLoadError(f"backend {_origin(point)} must define `{attribute}`, a string")
        if not pattern.fullmatch(value):
            raise BackendLoadError(
                f"backend {_origin(point)} has the `{attribute}` {value!r}, which must match"
                f" {pattern.pattern}"
            )
    if backend.name != point.name:
        raise BackendLoadError(
            f"backend {_origin(point)} is registered as {point.name!r} but its `name` is {backend.name!r}"
        )


def _validate_interface_version(backend: type[Backend], point: EntryPoint) -> None:
    version = getattr(backend, "interface_version", _UNDECLARED)
    if version == INTERFACE_VERSION:
        return
    package = point.dist.name if point.dist else "the package"
    raise BackendLoadError(
        f"backend {_origin(point)} is for interface version {version!r}, this service has version"
        f" {INTERFACE_VERSION}; install a release of {package} for version {INTERFACE_VERSION}"
        + (", or a newer service" if isinstance(version, int) and version > INTERFACE_VERSION else "")
    )


def _validate_options(backend: type[Backend], point: EntryPoint) -> None:
    options = backend.options
    if not isinstance(options, BackendOptions):
        raise BackendLoadError(
            f"backend {_origin(point)} must define `options` as an instance of a subclass of BackendOptions"
        )
    # a field of a class that is not a dataclass would silently have no value
    if any(isinstance(value, Field) for value in vars(type(options)).values()):
        raise BackendLoadError(
            f"backend {_origin(point)}: its options {type(options).__name__} must be decorated with"
            " @dataclass(frozen=True)"
        )


def _validate_coroutines(backend: type[Backend], point: EntryPoint) -> None:
    """Raise BackendLoadError for a plain method, because awaiting it fails without naming the backend."""
    for method in ("check", "open"):
        if not inspect.iscoroutinefunction(getattr(backend, method)):
            raise BackendLoadError(f"backend {_origin(point)} must define `{method}` with `async def`")


def _origin(point: EntryPoint) -> str:
    package = f" of package {point.dist.name}" if point.dist else ""
    return f"{point.value}{package}"
