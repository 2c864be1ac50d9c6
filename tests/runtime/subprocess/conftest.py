"""Leak check after each test: descriptors and child processes."""

from collections.abc import Iterator

import psutil
import pytest

from tests.runtime.subprocess.programs import children, other_children
from tornado_archiver.testing.probes import nothing_left_open


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """Fail if a test leaves a descriptor or a child process, zombies included."""
    other_children.clear()
    other_children.update(psutil.Process().children())  # servers of other tests
    with nothing_left_open():
        yield
    assert not children()
