"""After each test nothing of its programs may be left."""

from collections.abc import Iterator

import psutil
import pytest

from tests.process.programs import children, not_ours
from tornado_archiver.testing.probes import nothing_left_open


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No descriptor and no child of this process, not even one that has ended and was not waited for."""
    not_ours.clear()
    not_ours.update(psutil.Process().children())  # servers of other tests
    with nothing_left_open():
        yield
    assert not children()
