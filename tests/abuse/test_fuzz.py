"""Thousands of malformed requests to a real server: no 500, nothing told, nothing left behind."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.abuse.fuzz import fuzz
from tests.abuse.stage import Stage, stage
from tests.abuse.strategies import requests
from tests.abuse.talks import LAST_REQUEST, talk
from tests.abuse.traps import Traps, trapped_photos
from tests.servers import tool

CASES, EXAMPLES = 2500, 150
BRIEFLY_S = 0.1  # most of what comes to mind is no whole request


@pytest.fixture(scope="module")
def traps() -> Iterator[Traps]:
    tool("zip")
    with trapped_photos() as traps:
        yield traps


@pytest.fixture(scope="module", params=[False, True], ids=["open", "signed"])
def opened(request: pytest.FixtureRequest, traps: Traps) -> Iterator[Stage]:
    """Links that need no signature, and such that do."""
    with stage(traps, signed=request.param) as opened:
        yield opened


def test_valid_requests_that_were_tampered_with(opened: Stage) -> None:
    ended = fuzz(opened.server.port, opened.judge, opened.links, cases=CASES, seed=1)
    opened.assert_unharmed()
    for outcome in ("200", "206", "400", "404", "405", "hung up on"):
        assert ended[outcome], f"that all went wrong in the same way proves little: {ended}"


def test_whatever_comes_to_mind(opened: Stage) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(requests(opened.links), min_size=1, max_size=3).map(b"".join))
    def throw(asked: bytes) -> None:
        opened.judge.outcomes(talk(opened.server.port, asked + LAST_REQUEST, BRIEFLY_S))

    throw()
    opened.assert_unharmed()
