"""The conformance suite that every backend has to pass, built-in or installed.

    class TestMine(BackendConformance):
        def make_backend(self) -> Backend:
            return Mine(BackendOptions())

        def extract(self, archive: Path, into: Path) -> None:
            subprocess.run(["bsdtar", "-xpf", archive, "-C", into], check=True)

`extract` must share no code with the backend. The suite needs pytest and psutil, and Linux's /proc.
"""

import pkgutil

import pytest

# before the modules are imported, so that a failed assertion shows its values
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

from tornado_archiver.testing.changes import Fault, SourceChangeTests
from tornado_archiver.testing.content import ContentTests
from tornado_archiver.testing.facts import Change, FactTests
from tornado_archiver.testing.lifecycle import LifecycleTests
from tornado_archiver.testing.memory import MemoryTests

__all__ = ["BackendConformance", "Change", "Fault"]


class BackendConformance(FactTests, ContentTests, LifecycleTests, MemoryTests, SourceChangeTests):
    """The base class of a conformance test: name the subclass `Test…` and define the two methods."""
