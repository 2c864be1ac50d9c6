"""The temporary directories of a run."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.check import sparse_writer
from benchmarks.data import Directory


@dataclass(frozen=True, slots=True)
class Workplace:
    """`photos` holds what is packed, `zips` what nginx sends, `scratch` an archive while it is checked."""

    photos: Path
    zips: Path
    scratch: Path

    @classmethod
    def within(cls, root: Path) -> "Workplace":
        place = cls(root / "photos", root / "zips", root / "scratch")
        for path in (place.photos, place.zips, place.scratch):
            path.mkdir()
        return place

    def add(self, directory: Directory, zipped: bool) -> None:
        """Make the directory and, when asked, its finished zip."""
        made = directory.make(self.photos)
        if zipped:
            _zip(made, self.zips / f"{directory.name}.zip")

    def warm(self, directory: Directory, zipped: bool) -> None:
        """Have the page cache hold what is about to be sent, the files or the finished zip, holes too: where
        they are large, they push each other out."""
        finished = self.zips / f"{directory.name}.zip"
        for path in [finished] if zipped else (self.photos / directory.name).iterdir():
            _read(path)


def tell(text: str) -> None:
    """How far the run has come; not part of the result."""
    print(text, file=sys.stderr, flush=True)


def _zip(directory: Path, target: Path) -> None:
    command = ["zip", "-0", "-q", "-r", "-", "."]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE) as program:
        assert program.stdout
        with sparse_writer(target, program.stdout.fileno()) as writer:
            program.stdout.close()
    if program.returncode or writer.returncode:
        raise OSError(f"{target} could not be made")


def _read(path: Path) -> None:
    room = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(room):
            pass
