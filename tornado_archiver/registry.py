"""Finds backends by name: those in the box and those that are installed, through one door.

An installed backend is loaded only when the settings name it: installing is not enabling.
"""

import inspect
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import RegistryError

GROUP = "tornado_archiver.backends"


def installed() -> Iterable[EntryPoint]:
    """The backends that packages installed with pip offer."""
    return entry_points(group=GROUP)


class Registry:
    """Raises RegistryError when two entry points claim one name for different things."""

    def __init__(self, offered: Iterable[EntryPoint]) -> None:
        self._offered: dict[str, EntryPoint] = {}
        for point in offered:
            known = self._offered.setdefault(point.name, point)
            if known.value != point.value:
                raise RegistryError(
                    f"two backends are called {point.name!r}: {_origin(known)} and {_origin(point)};"
                    " uninstall one of them"
                )

    def names(self) -> list[str]:
        return sorted(self._offered)

    def create(self, name: str, options: BackendOptions) -> Backend:
        """The backend of that name. Raises RegistryError when there is none, or it is no backend."""
        if name not in self._offered:
            raise RegistryError(f"there is no backend {name!r}; there are: {', '.join(self.names())}")
        backend = _loaded(self._offered[name])
        try:
            return backend(options)
        except Exception as error:
            raise RegistryError(
                f"backend {_origin(self._offered[name])} cannot be made: {error!r}"
            ) from error


def _loaded(point: EntryPoint) -> type[Backend]:
    try:
        found = point.load()
    except Exception as error:
        raise RegistryError(f"backend {_origin(point)} cannot be loaded: {error!r}") from error
    if not (inspect.isclass(found) and issubclass(found, Backend)) or inspect.isabstract(found):
        raise RegistryError(
            f"backend {_origin(point)} is no backend: it must be a subclass of"
            " tornado_archiver.backend.Backend with `open` defined"
        )
    for attribute in ("name", "media_type", "suffix"):
        if not isinstance(getattr(found, attribute, None), str):
            raise RegistryError(f"backend {_origin(point)} must say its `{attribute}`")
    if found.name != point.name:
        raise RegistryError(
            f"backend {_origin(point)} is registered as {point.name!r} but calls itself {found.name!r}"
        )
    return found


def _origin(point: EntryPoint) -> str:
    package = f" of package {point.dist.name}" if point.dist else ""
    return f"{point.value}{package}"
