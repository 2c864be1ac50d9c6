"""The suite over the backend in docs/writing-a-backend.md, taken from the page word by word."""

import types
from pathlib import Path
from typing import Any

import pytest

from tests.backends.test_conformance import bsdtar
from tests.helpers.docs_backend import documented_files
from tornado_archiver.backend import Backend
from tornado_archiver.testing import BackendConformance

# its compressor is slow
pytestmark = pytest.mark.timeout(600)


def _module(name: str) -> Any:
    """The module that the page shows; it is in no directory, and in sys.modules no longer than this takes."""
    module = types.ModuleType(name)
    exec(compile(documented_files()[f"{name}.py"], f"{name}.py", "exec"), module.__dict__)
    return module


TAR_XZ = _module("tar_xz")


class TestDocumentedBackend(BackendConformance):
    def make_backend(self) -> Backend:
        backend = TAR_XZ.TarXz(TAR_XZ.TarXzOptions(preset=0))
        assert isinstance(backend, Backend)
        return backend

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


def test_page_shows_a_package_with_a_test() -> None:
    package = ["tar_xz.py", "pyproject.toml"]
    image = ["plugins/Dockerfile", "docker-compose.override.yml"]
    assert list(documented_files()) == [*package, *image, "test_tar_xz.py"]
    assert len(documented_files()["tar_xz.py"].splitlines()) < 70
