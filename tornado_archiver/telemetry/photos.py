"""State of the photos directory for the home page: can it be read, and does it have the demo album."""

import asyncio
import errno
import os
from dataclasses import dataclass
from pathlib import Path

from tornado_archiver.settings.options import DEMO_PHOTOS, Settings
from tornado_archiver.sources.local.access import GIVE_RIGHTS, lacks_rights
from tornado_archiver.telemetry.readiness import SingleFlight, read_error

# The bundled album. The home page links to no other album, because their names are secret.
DEMO_ALBUM = "3bea29ccabbbf64bdebcc055319c5745"

_TIMEOUT_S = 2
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class PhotosState:
    """`problem`: why the directory cannot be read, "" if it can; `remedy`: one sentence for the owner.

    Neither contains a local path, because they are on a page. `has_demo`: whether the bundled album is there.
    """

    problem: str = ""
    remedy: str = ""
    has_demo: bool = False


class PhotosProbe:
    """Checks the photos directory in a separate thread, because a dead mount blocks each access."""

    def __init__(self, photos_dir: Path) -> None:
        self._check = SingleFlight(lambda: _state(photos_dir))

    async def state(self) -> PhotosState:
        """Return the state now, within about two seconds."""
        try:
            return await asyncio.wait_for(self._check.call(), _TIMEOUT_S)
        except TimeoutError:
            return PhotosState(
                f"the disk does not respond within {_TIMEOUT_S} s", "Check the mount of the photos."
            )


def _state(photos_dir: Path) -> PhotosState:
    error = read_error(photos_dir)
    if error is None:
        return PhotosState(has_demo=has_demo(photos_dir))
    return PhotosState(os.strerror(error.errno or 0), _remedy(error))


def _remedy(error: OSError) -> str:
    if lacks_rights(error):
        return (
            "Give the user of this service read permission (chmod -R o+rX), or run the service as the owner"
            " of the photos (with Docker: ARCHIVER_USER)."
        )
    if error.errno in _NOT_THERE:
        return "Check the setting photos-dir (PHOTOS_DIR), and that the directory is mounted."
    return "Check the disk or the mount of the photos."


def photos_problem(settings: Settings) -> str:
    """Return a line for the operator: which user cannot read the photos directory, why, and the remedy.

    Return "" if it can be read.
    """
    error = read_error(settings.photos_dir)
    if error is None:
        return ""
    remedy = f"; {GIVE_RIGHTS}" if lacks_rights(error) else ""
    return (
        f"photos directory {str(settings.photos_dir)!r} ({settings.origins['photos_dir']}): cannot be read by"
        f" user {os.geteuid()}: {os.strerror(error.errno or 0)}; every link returns 503 until then{remedy}"
    )


def has_demo(photos_dir: Path) -> bool:
    """Return whether `photos_dir` has the files of the bundled album, by name and size.

    Compared in this way, because a container has the album twice: bundled, and mounted as the photos.
    """
    bundled, served = DEMO_PHOTOS / DEMO_ALBUM, photos_dir / DEMO_ALBUM
    files = [path.relative_to(bundled) for path in bundled.rglob("*") if path.is_file()]
    try:
        return bool(files) and all(
            (bundled / file).stat().st_size == (served / file).stat().st_size for file in files
        )
    except OSError:
        return False
