"""The suite for every backend, over the backends in the box."""

import subprocess
from pathlib import Path

from tests.servers import tool
from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.backends.stored_zip import StoredZip
from tornado_archiver.backends.tar import Tar
from tornado_archiver.backends.tar_gz import TarGz
from tornado_archiver.backends.zip_program import ZipProgram
from tornado_archiver.testing import BackendConformance


def bsdtar(archive: Path, into: Path) -> None:
    subprocess.run([tool("bsdtar"), "-xpf", archive, "-C", into], check=True)


class TestZipProgram(BackendConformance):
    def make_backend(self) -> Backend:
        return ZipProgram(BackendOptions())

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


class TestTarGz(BackendConformance):
    def make_backend(self) -> Backend:
        return TarGz(BackendOptions())

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


class TestTar(BackendConformance):
    def make_backend(self) -> Backend:
        return Tar(BackendOptions())

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


class TestStoredZip(BackendConformance):
    def make_backend(self) -> Backend:
        return StoredZip(BackendOptions())

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


class TestStoredZipAboveTheThreshold(TestStoredZip):
    """Every file laid out as a large one is."""

    def make_backend(self) -> Backend:
        return StoredZip(BackendOptions(stored_threshold=0))
