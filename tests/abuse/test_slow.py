"""Visitors who take their time, by the hundred, and more of them than there is room for."""

import time
from collections.abc import Iterator

import pytest

from tests.abuse.slow import ATTACKS, IMPATIENT, Attack, withstand
from tests.abuse.stage import Stage, stage
from tests.abuse.traps import trapped_photos
from tests.servers import eventually
from tests.web.visitors import knock, request, rest_of

CONNECTIONS = 500


@pytest.fixture(scope="module")
def opened() -> Iterator[Stage]:
    with trapped_photos() as traps, stage(traps, *IMPATIENT) as opened:
        yield opened


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_others_are_served_during_an_attack(opened: Stage, attack: Attack) -> None:
    withstand(opened.server, opened.judge, attack, connections=CONNECTIONS, times=1)
    opened.assert_unharmed()


def test_who_sends_a_body_by_drops_is_hung_up_on(opened: Stage) -> None:
    began = time.monotonic()
    asked = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4096\r\n\r\n"
    with knock(opened.server, asked) as visitor:
        assert rest_of(visitor) == b""
    assert time.monotonic() - began < 30


def test_who_takes_no_page_is_hung_up_on(opened: Stage) -> None:
    """He asks for more pages than the buffers between us hold, and reads none."""
    worker = opened.server.worker
    descriptors = worker.num_fds()
    with knock(opened.server, request("/") * 3000):
        assert eventually(lambda: worker.num_fds() > descriptors)
        assert eventually(lambda: worker.num_fds() <= descriptors)
