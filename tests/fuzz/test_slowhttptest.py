"""Hundreds of slow clients, more than the service has slots."""

import time
from collections.abc import Iterator

import pytest

from tests.fuzz.fixtures import photo_fixture
from tests.fuzz.server_fixture import ServerFixture, server_fixture
from tests.fuzz.slowhttptest import ATTACKS, SHORT_TIMEOUTS, Attack, longest_wait
from tests.helpers.raw_clients import open_request, request, rest_of
from tests.helpers.servers import eventually

CONNECTIONS = 500


@pytest.fixture(scope="module")
def fixture() -> Iterator[ServerFixture]:
    with photo_fixture() as photos, server_fixture(photos, *SHORT_TIMEOUTS) as fixture:
        yield fixture


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_legitimate_client_is_served_during_attack(fixture: ServerFixture, attack: Attack) -> None:
    longest_wait(fixture.server, fixture.checker, attack, connections=CONNECTIONS, times=1)
    fixture.assert_unchanged()


def test_slow_body_closes_connection(fixture: ServerFixture) -> None:
    began = time.monotonic()
    sent = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4096\r\n\r\n"
    with open_request(fixture.server, sent) as client:
        assert rest_of(client) == b""
    assert time.monotonic() - began < 30


def test_client_that_reads_no_page_is_disconnected(fixture: ServerFixture) -> None:
    """Request more pages than all buffers hold, and read none."""
    worker = fixture.server.worker
    descriptors = worker.num_fds()
    with open_request(fixture.server, request("/") * 3000):
        assert eventually(lambda: worker.num_fds() > descriptors)
        assert eventually(lambda: worker.num_fds() <= descriptors)
