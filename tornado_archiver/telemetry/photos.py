"""State of the photos directory for the home page and the operator: is it readable, has it the demo album."""

import asyncio
import errno
import os
from dataclasses import dataclass
from pathlib import Path

from tornado_archiver.runtime.threads import SingleFlight
from tornado_archiver.settings.options import DEMO_PHOTOS, Settings
from tornado_archiver.sources.local.access import GIVE_RIGHTS, READ_PERMISSION, lacks_rights

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
        return f"Give the user of this service {READ_PERMISSION}."
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
        f"{_label(settings)}: cannot be read by user {os.geteuid()}: {os.strerror(error.errno or 0)};"
        f" every link returns 503 until it can be read{remedy}"
    )


async def photos_problem_within(settings: Settings, seconds: float) -> str:
    """Return the same as `photos_problem`, or after `seconds` that the disk does not respond."""
    reading = SingleFlight(lambda: photos_problem(settings))
    try:
        return await asyncio.wait_for(reading.call(), seconds)
    except TimeoutError:
        return f"{_label(settings)}: no response within {seconds} s; check its mount"


def _label(settings: Settings) -> str:
    return f"photos directory {str(settings.photos_dir)!r} ({settings.origins['photos_dir']})"


def read_error(photos_dir: Path) -> OSError | None:
    """Return the error of the system if the directory cannot be listed and entered.

    It is opened and read as in a scan, because the permissions of a mount can be misleading. The "." also
    requires the permission to enter it.
    """
    try:
        with os.scandir(os.path.join(photos_dir, ".")) as entries:
            next(entries, None)
    except OSError as error:
        return error
    return None


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
