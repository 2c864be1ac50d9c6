"""Settings of all tests: markers by directory, no stray event loop, no deadline for hypothesis."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent
# Tests that run the whole service, other programs or for long: `make test-all` runs them
SLOW = ("faults", "fuzz", "integration", "interop", "backends/test_documented_backend.py")
# The exceptions, so that `make test` takes one real path through each backend, the browser and a proxy
EVERYDAY = ("integration/test_everyday.py", "integration/browser/test_pages.py")
# In `make test` only the conformance of the built-in backends measures memory, which takes seconds each time
MEMORY_TEST = "memory_is_independent_of_file_size"
MEMORY_EVERYDAY = "backends/test_conformance.py"

hypothesis.settings.register_profile("no deadline", hypothesis.settings.default, deadline=None)


def pytest_configure() -> None:
    hypothesis.settings.load_profile("no deadline")  # because the machine may be slow
    asyncio.set_event_loop(None)  # so that a stray loop of one test does not fail another one


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        measures_memory = MEMORY_TEST in item.name and path != MEMORY_EVERYDAY
        if measures_memory or (path.startswith(SLOW) and path not in EVERYDAY):
            item.add_marker(pytest.mark.slow)
