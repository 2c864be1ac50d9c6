"""Packages that offer backends, as pip leaves them behind."""

from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

from tornado_archiver.registry import GROUP


def packaged(directory: Path, **offered: str) -> list[EntryPoint]:
    """The entry points of the package archiver-broken, which offers these values by name. A Python that has
    the directory on its path finds them as well."""
    info = directory / "archiver_broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: archiver-broken\nVersion: 1\n")
    lines = [f"{name} = {value}\n" for name, value in offered.items()]
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{''.join(lines)}")
    return list(Distribution.at(info).entry_points)
