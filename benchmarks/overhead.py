"""Overhead of a backend over the archive program on the command line, measured in alternating pairs."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.implementations import PROJECT
from tornado_archiver.backends.zip.suffixes import COMPRESSED_SUFFIXES

_LEVEL = 6  # the service's default and gzip's
_ONE_CORE = ["taskset", "-c", "0"]


@dataclass(frozen=True, slots=True)
class Overhead:
    """Medians over the pairs.

    `ratio`: the program's time divided by the backend's; above 1, the backend is faster. `program_bytes` and
    `backend_bytes`: lengths of the archives.
    """

    title: str
    program_mb_per_s: float
    backend_mb_per_s: float
    ratio: float
    program_bytes: int
    backend_bytes: int


@dataclass(frozen=True, slots=True)
class _Program:
    """A command line, run in the directory to pack."""

    command: Sequence[str]
    directory: Path
    stdin: bytes = b""

    def seconds(self) -> float:
        started = time.perf_counter()
        self._run(subprocess.DEVNULL)
        return time.perf_counter() - started

    def length(self) -> int:
        with tempfile.TemporaryFile() as archive:
            # through a pipe, as to a client, because zip writes other bytes to a seekable file
            with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=archive) as pipe:
                assert pipe.stdin
                self._run(pipe.stdin.fileno())
            return os.fstat(archive.fileno()).st_size

    def _run(self, stdout: int) -> None:
        subprocess.run(self.command, cwd=self.directory, input=self.stdin, stdout=stdout, check=True)


def measure_overheads(photos: Path, text: Path, pairs: int) -> Iterator[Overhead]:
    """Yield the overheads for a directory of photos and for one of source text."""
    for directory, title in ((photos, "zip, photos"), (text, "zip, source text")):
        yield _measure_pairs(title, _zip(directory), _backend_command(directory, "zip"), pairs)
    program = _Program([*_ONE_CORE, "tar", "-cz", "-f", "-", "."], text)
    yield _measure_pairs(
        "tar.gz, source text, on one core", program, [*_ONE_CORE, *_backend_command(text, "tar.gz")], pairs
    )


def _zip(directory: Path) -> _Program:
    """Return zip with the arguments and the name list of the backend."""
    names = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*"))
    command = ["zip", "-q", f"-{_LEVEL}", "-n", ":".join(COMPRESSED_SUFFIXES), "-y", "-@", "-"]
    return _Program(command, directory, "".join(f"./{name}\n" for name in names).encode())


def _backend_command(directory: Path, backend: str) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.backend_only", str(directory.parent), directory.name]
    return [*command, backend, str(_LEVEL)]


def _measure_pairs(title: str, program: _Program, backend: Sequence[str], pairs: int) -> Overhead:
    program_bytes, backend_bytes = program.length(), _run_backend(backend)[1]
    by_program, by_backend = [], []
    for _ in range(pairs):
        by_program.append(program.seconds())
        by_backend.append(_run_backend(backend)[0])
    files = (path for path in program.directory.rglob("*") if path.is_file())
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    return Overhead(
        title,
        megabytes / median(by_program),
        megabytes / median(by_backend),
        median(program_s / backend_s for program_s, backend_s in zip(by_program, by_backend, strict=True)),
        program_bytes,
        backend_bytes,
    )


def _run_backend(command: Sequence[str]) -> tuple[float, int]:
    """Return seconds and length in bytes, as printed by `benchmarks.backend_only`."""
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    seconds, received = done.stdout.split()
    return float(seconds), int(received)
