"""Thousands of malformed requests to a real server: no 500, no disclosure, no leak."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.fixtures import Photos, photo_fixture
from tests.fuzz.fuzz import fuzz
from tests.fuzz.raw_connection import LAST_REQUEST, exchange
from tests.fuzz.server_fixture import ServerFixture, server_fixture
from tests.fuzz.strategies import requests
from tests.helpers.servers import tool

CASES, EXAMPLES = 2500, 150
IDLE_TIMEOUT_S = 0.1  # most generated requests are incomplete


@pytest.fixture(scope="module")
def photos() -> Iterator[Photos]:
    tool("zip")
    with photo_fixture() as photos:
        yield photos


@pytest.fixture(scope="module", params=[False, True], ids=["open", "signed"])
def fixture(request: pytest.FixtureRequest, photos: Photos) -> Iterator[ServerFixture]:
    """Start a server without and with signed links."""
    with server_fixture(photos, signed=request.param) as fixture:
        yield fixture


def test_mutated_requests_leave_service_unchanged(fixture: ServerFixture) -> None:
    ended = fuzz(fixture.server.port, fixture.checker, fixture.links, cases=CASES, seed=1)
    fixture.assert_unchanged()
    for outcome in ("200", "206", "400", "404", "405", "closed"):
        assert ended[outcome], f"the requests do not cover this outcome: {ended}"


def test_generated_requests_leave_service_unchanged(fixture: ServerFixture) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(requests(fixture.links), min_size=1, max_size=3).map(b"".join))
    def check(sent: bytes) -> None:
        fixture.checker.outcomes(exchange(fixture.server.port, sent + LAST_REQUEST, IDLE_TIMEOUT_S))

    check()
    fixture.assert_unchanged()
