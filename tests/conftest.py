"""For every test: a stray event loop of one must not be blamed on another, and a slow machine on none."""

import asyncio

import hypothesis

hypothesis.settings.register_profile("patient", hypothesis.settings.default, deadline=None)


def pytest_configure() -> None:
    hypothesis.settings.load_profile("patient")
    asyncio.set_event_loop(None)
