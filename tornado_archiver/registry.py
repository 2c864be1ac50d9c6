"""Finds backends by name: the built-in and the installed ones, all by entry points.

An installed backend is loaded only when the settings name it: installing is not enabling.
"""

import inspect
import re
from collections.abc import Iterable
from configparser import ConfigParser
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import BackendLoadError

GROUP = "tornado_archiver.backends"

# What a backend says of itself stands in settings, links, headers and file names, as it is: other characters
# may mean something there.
METADATA_PATTERNS = {
    "name": re.compile(r"[a-z0-9][a-z0-9.+-]*"),
    "media_type": re.compile(r"[a-z]+/[a-z0-9.+-]+"),
    "extension": re.compile(
        r"(\.[a-z0-9]{1,16}){1,4}"
    ),  # bounded, because a file name has to hold more than it
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
    """Two packages may offer one name as long as nobody asks for it."""

    def __init__(self, entry_points: Iterable[EntryPoint]) -> None:
        self._offered: dict[str, dict[str, EntryPoint]] = {}  # by name and value: one listed twice is one
        for point in entry_points:
            self._offered.setdefault(point.name, {}).setdefault(point.value, point)

    def names(self) -> list[str]:
        return sorted(self._offered)

    def create(self, name: str, options: BackendOptions) -> Backend:
        """The backend of that name. Raises BackendLoadError when there is none or more than one, or it is no
        backend."""
        point = self._point(name)
        backend = _load(point)
        try:
            return backend(options)
        except (Exception, SystemExit) as error:
            raise BackendLoadError(f"backend {_origin(point)} cannot be made: {error!r}") from error

    def origin(self, name: str) -> str:
        """Where an installed backend comes from, as the errors here say it; "" for one in the box."""
        point = self._point(name)
        return _origin(point) if point.dist else ""

    def _point(self, name: str) -> EntryPoint:
        if name not in self._offered:
            raise BackendLoadError(f"there is no backend {name!r}; there are: {', '.join(self.names())}")
        point, *others = self._offered[name].values()
        if others:
            claims = " and ".join(map(_origin, (point, *others)))
            raise BackendLoadError(f"two backends are called {name!r}: {claims}; uninstall one of them")
        return point


def _load(point: EntryPoint) -> type[Backend]:
    try:
        found = point.load()
    except (Exception, SystemExit) as error:  # some modules are scripts that end with sys.exit()
        raise BackendLoadError(f"backend {_origin(point)} cannot be loaded: {error!r}") from error
    if not (inspect.isclass(found) and issubclass(found, Backend)) or inspect.isabstract(found):
        raise BackendLoadError(
            f"backend {_origin(point)} is no backend: it must be a subclass of"
            " tornado_archiver.backend.Backend with `open` defined"
        )
    _validate_metadata(found, point)
    _validate_coroutines(found, point)
    return found


def _validate_metadata(found: type[Backend], point: EntryPoint) -> None:
    for attribute, allowed in METADATA_PATTERNS.items():
        word = getattr(found, attribute, None)
        if not isinstance(word, str):
            raise BackendLoadError(f"backend {_origin(point)} must say its `{attribute}`")
        if not allowed.fullmatch(word):
            raise BackendLoadError(
                f"backend {_origin(point)} has the `{attribute}` {word!r}, which must match {allowed.pattern}"
            )
    if found.name != point.name:
        raise BackendLoadError(
            f"backend {_origin(point)} is registered as {point.name!r} but calls itself {found.name!r}"
        )


def _validate_coroutines(found: type[Backend], point: EntryPoint) -> None:
    """They would fail only when they are awaited, and say nothing of whose they are."""
    for method in ("check", "open"):
        if not inspect.iscoroutinefunction(getattr(found, method)):
            raise BackendLoadError(f"backend {_origin(point)} must define `{method}` with `async def`")


def _origin(point: EntryPoint) -> str:
    package = f" of package {point.dist.name}" if point.dist else ""
    return f"{point.value}{package}"
