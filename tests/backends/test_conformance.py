"""The conformance suite, over the built-in backends."""

import subprocess
from pathlib import Path

from tests.helpers.servers import tool
from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.backends.tar.compressed import TarGz
from tornado_archiver.backends.tar.plain import Tar
from tornado_archiver.backends.zip.infozip import InfoZip
from tornado_archiver.backends.zip.stored import StoredZip
from tornado_archiver.testing import BackendConformance


def bsdtar(archive: Path, into: Path) -> None:
    subprocess.run([tool("bsdtar"), "-xpf", archive, "-C", into], check=True)


class TestInfoZip(BackendConformance):
    def make_backend(self) -> Backend:
        return InfoZip(BackendOptions())

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
