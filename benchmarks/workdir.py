"""Temporary directories of a benchmark run, and its progress messages."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Directory
from benchmarks.verify import sparse_writer


@dataclass(frozen=True, slots=True)
class Workdir:
    """Directories: sources in `photos`, prebuilt zips for nginx in `zips`, archives during verification in
    `tempdir`."""

    photos: Path
    zips: Path
    tempdir: Path

    @classmethod
    def create(cls, root: Path) -> "Workdir":
        """Create the three directories in `root`."""
        workdir = cls(root / "photos", root / "zips", root / "tempdir")
        for path in (workdir.photos, workdir.zips, workdir.tempdir):
            path.mkdir()
        return workdir

    def add(self, directory: Directory, zipped: bool) -> None:
        """Create the directory and, if `zipped`, its prebuilt zip."""
        path = directory.make(self.photos)
        if zipped:
            _zip(path, self.zips / f"{directory.name}.zip")

    def warm_page_cache(self, directory: Directory, zipped: bool) -> None:
        """Read the files or the prebuilt zip, including holes, into the page cache.

        Needed before each download, because large directories evict each other.
        """
        prebuilt = self.zips / f"{directory.name}.zip"
        for path in [prebuilt] if zipped else (self.photos / directory.name).iterdir():
            _read(path)


def print_progress(text: str) -> None:
    """Print to stderr, because stdout has the results."""
    print(text, file=sys.stderr, flush=True)


def _zip(directory: Path, target: Path) -> None:
    command = ["zip", "-0", "-q", "-r", "-", "."]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE) as program:
        assert program.stdout
        with sparse_writer(target, program.stdout.fileno()) as writer:
            program.stdout.close()
    if program.returncode or writer.returncode:
        raise OSError(f"{target}: exit codes: zip {program.returncode}, dd {writer.returncode}")


def _read(path: Path) -> None:
    buffer = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
