"""For every test: a stray event loop of one must not be blamed on another."""

import asyncio

import pytest

pytest.register_assert_rewrite("tornado_archiver.testing")


def pytest_configure() -> None:
    asyncio.set_event_loop(None)
