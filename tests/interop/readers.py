"""Third-party programs and libraries that read archives, with one common interface."""

import atexit
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TypeVar

from tests.helpers.servers import tool
from tests.interop.archives import LAST, Run
from tornado_archiver.testing.members import Member, unpacked

UNKNOWN_MODE = -1
NOTHING = Run()
_MIB = 1 << 20
_Result = TypeVar("_Result")
# Another time zone than the service, so that a time without time zone is detected
_ELSEWHERE = {"LC_ALL": "C.UTF-8", "TZ": "America/New_York"}


class ReaderError(Exception):
    """The error message of a reader."""


class Reader(ABC):
    """Methods raise ReaderError if the program fails, according to its exit code."""

    name: str
    is_piped: bool = False

    @abstractmethod
    def members(self, archive: Path, into: Path) -> dict[str, Member]:
        """Unpack into the empty directory `into`, and return every member."""

    @abstractmethod
    def contents(self, archive: Path) -> Run:
        """Return the concatenation of all contents."""

    @abstractmethod
    def last(self, archive: Path) -> Run | None:
        """Return the content of the last member, or None if the reader cannot seek."""


@dataclass(frozen=True, slots=True)
class _Command:
    """`ARCHIVE` and `INTO` in the words are replaced by the paths. `is_piped`: the reader gets the archive
    from a pipe, in which it cannot seek."""

    words: list[str]
    archive: Path
    directory: Path
    is_piped: bool = False

    def output(self, take: Callable[[IO[bytes]], _Result]) -> _Result:
        """Return the result of `take` for stdout. Raise ReaderError with the last line of stderr."""
        places = {"ARCHIVE": str(self.archive), "INTO": str(self.directory)}
        program, *arguments = (places.get(word, word) for word in self.words)
        with (
            tempfile.TemporaryFile() as errors,
            self._input() as archive,
            subprocess.Popen(
                [tool(program), *arguments],
                cwd=self.directory,
                env={**os.environ, **_ELSEWHERE},
                stdin=archive,
                stdout=subprocess.PIPE,
                stderr=errors,
                pipesize=_MIB,
            ) as process,
        ):
            assert process.stdout
            result = take(process.stdout)
            if process.wait() == 0:
                return result
            errors.seek(0)
            raise ReaderError(self._error_message(errors.read().decode(), process.returncode))

    @contextmanager
    def _input(self) -> Iterator[IO[bytes] | int]:
        if not self.is_piped:
            yield subprocess.DEVNULL
            return
        with subprocess.Popen(["cat", self.archive], stdout=subprocess.PIPE, pipesize=_MIB) as cat:
            assert cat.stdout
            yield cat.stdout

    def _error_message(self, stderr: str, code: int) -> str:
        lines = [line.strip() for line in stderr.splitlines() if line.strip()]
        return lines[-1].replace(str(self.archive), "the archive") if lines else f"exit code {code}"


@dataclass(frozen=True, slots=True)
class Program(Reader):
    """Command lines with placeholders for archive and directory. `unpack` runs in that directory. `show`
    writes all contents to stdout, or that of one member if its name is appended."""

    name: str
    unpack: str
    show: str
    is_piped: bool = False

    def members(self, archive: Path, into: Path) -> dict[str, Member]:
        _Command(self.unpack.split(), archive, into, self.is_piped).output(_nothing)
        return unpacked(into)

    def contents(self, archive: Path) -> Run:
        return _Command(self.show.split(), archive, archive.parent, self.is_piped).output(_run)

    def last(self, archive: Path) -> Run | None:
        if self.is_piped:
            return None
        return _Command([*self.show.split(), LAST], archive, archive.parent).output(_run)


@dataclass(frozen=True, slots=True)
class Java(Reader):
    """java.util.zip, used by Unzip.java; it supports names and times. `source`: file or stream."""

    name: str
    source: str

    @property
    def is_piped(self) -> bool:  # type: ignore[override]
        return self.source == "stream"

    def members(self, archive: Path, into: Path) -> dict[str, Member]:
        listing = self._command(archive, str(into)).output(lambda output: output.read())
        return dict(self._member(into, *line.split()) for line in listing.decode().splitlines())

    def contents(self, archive: Path) -> Run:
        return self._command(archive, "all").output(_run)

    def last(self, archive: Path) -> Run | None:
        return None if self.is_piped else self._command(archive, "last").output(_run)

    def _command(self, archive: Path, target: str) -> _Command:
        words = ["java", "-cp", str(_java_classes()), "Unzip", self.source, "ARCHIVE", target]
        return _Command(words, archive, archive.parent, self.is_piped)

    def _member(self, into: Path, number: str, name: str, mtime_s: str) -> tuple[str, Member]:
        member_name = bytes.fromhex(name).decode()
        content = None if member_name.endswith("/") else (into / number).read_bytes()
        return member_name, Member(content, UNKNOWN_MODE, int(mtime_s))


class PythonZipfile(Reader):
    """zipfile does not restore modes and times; the modes are those of its interface."""

    name = "Python zipfile"

    def members(self, archive: Path, into: Path) -> dict[str, Member]:
        with _opened_zip(archive) as opened:
            return {
                info.filename: Member(
                    None if info.is_dir() else opened.read(info), info.external_attr >> 16 & 0o777, None
                )
                for info in opened.infolist()
            }

    def contents(self, archive: Path) -> Run:
        run = Run()
        with _opened_zip(archive) as opened:
            for info in opened.infolist():
                with opened.open(info) as file:
                    run = _run(file, run)
        return run

    def last(self, archive: Path) -> Run:
        with _opened_zip(archive) as opened, opened.open(opened.infolist()[-1]) as file:
            return _run(file)


class PythonTarfile(Reader):
    name = "Python tarfile"

    def members(self, archive: Path, into: Path) -> dict[str, Member]:
        with _opened_tar(archive) as opened:
            opened.extractall(into, filter="fully_trusted")
        return unpacked(into)

    def contents(self, archive: Path) -> Run:
        run = Run()
        with _opened_tar(archive) as opened:
            for info in opened:
                run = self._read(opened, info, run)
        return run

    def last(self, archive: Path) -> Run:
        with _opened_tar(archive) as opened:
            return self._read(opened, opened.getmember(LAST), Run())

    def _read(self, opened: tarfile.TarFile, info: tarfile.TarInfo, run: Run) -> Run:
        file = opened.extractfile(info)
        return run if file is None else _run(file, run)


@contextmanager
def _opened_zip(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as opened:
            yield opened
    except zipfile.BadZipFile as error:
        raise ReaderError(str(error)) from error


@contextmanager
def _opened_tar(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive) as opened:
            yield opened
    except tarfile.TarError as error:
        raise ReaderError(str(error)) from error


def _nothing(output: IO[bytes]) -> None:
    while output.read(_MIB):
        pass


def _run(output: IO[bytes], so_far: Run = NOTHING) -> Run:
    while data := output.read(_MIB):
        so_far = so_far.then(data)
    return so_far


@cache
def _java_classes() -> Path:
    """Compile Unzip.java, and return the directory of its classes, which is removed at exit."""
    directory = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, directory)
    source = Path(__file__).with_name("Unzip.java")
    subprocess.run([tool("javac"), "-d", directory, source], check=True)
    return directory


# -V: otherwise unzip removes a `;` at the end of a name, as a VMS version number
ZIP_READERS: tuple[Reader, ...] = (
    Program("unzip", "unzip -q -V ARCHIVE", "unzip -p ARCHIVE"),
    Program("7z", "7z x -bd ARCHIVE", "7z x -bd -so ARCHIVE"),
    Program("bsdtar", "bsdtar -xpf ARCHIVE", "bsdtar -xOf ARCHIVE"),
    Program("bsdtar, from a pipe", "bsdtar -xpf -", "bsdtar -xOf -", is_piped=True),
    Program("busybox unzip", "busybox unzip -q ARCHIVE", "busybox unzip -p ARCHIVE"),
    Program("busybox unzip, from a pipe", "busybox unzip -q -", "busybox unzip -p -", is_piped=True),
    PythonZipfile(),
    Java("Java ZipFile", "file"),
    Java("Java ZipInputStream, from a pipe", "stream"),
)
TAR_READERS: tuple[Reader, ...] = (
    Program("GNU tar", "tar -xpf ARCHIVE", "tar -xOf ARCHIVE"),
    Program("GNU tar, from a pipe", "tar -xpf -", "tar -b 2048 -xOf -", is_piped=True),
    Program("bsdtar", "bsdtar -xpf ARCHIVE", "bsdtar -xOf ARCHIVE"),
    Program("bsdtar, from a pipe", "bsdtar -xpf -", "bsdtar -xOf -", is_piped=True),
    Program("7z", "7z x -bd ARCHIVE", "7z x -bd -so ARCHIVE"),
    Program("busybox tar", "busybox tar -xpf ARCHIVE", "busybox tar -xOf ARCHIVE"),
    PythonTarfile(),
)
