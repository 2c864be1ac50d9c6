"""Addresses to listen on: IPv6 ones as they stand in a URL, and what the system makes of them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.settings.sources import ROWS, SOURCES, Sources
from tornado_archiver.server.sockets import ADMIN, PUBLIC, bind
from tornado_archiver.settings import Settings


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["host", "admin_host"])
def test_brackets_around_an_ipv6_address_do_not_count(sources: Sources, name: str, source: str) -> None:
    sources.give(source, ROWS[name], "[fe80::1%eth0]")
    assert getattr(sources.read(), name) == "fe80::1%eth0"


@pytest.mark.parametrize("written", ["[::1", "::1]", "[localhost]", "[]"])
def test_other_brackets_stay(sources: Sources, written: str) -> None:
    sources.give("flag", ROWS["host"], written)
    assert sources.read().host == written


@contextmanager
def listening(settings: Settings, address: tuple[str, str]) -> Iterator[list[socket.socket]]:
    with ExitStack() as undo:
        yield [undo.enter_context(held) for held in bind(settings, address)]


@pytest.mark.parametrize("address", [PUBLIC, ADMIN], ids=["public", "admin"])
def test_what_the_log_prints_can_be_given_back(sources: Sources, address: tuple[str, str]) -> None:
    sources.give("flag", ROWS[address[0]], "[::1]")
    sources.give("environment", ROWS[address[1]], "0")
    with listening(sources.read(), address) as held:
        assert [one.getsockname()[0] for one in held] == ["::1"]


def test_the_address_of_all_takes_ipv6_alone() -> None:
    with listening(Settings(host="::", port=0), PUBLIC) as (held,):
        port = held.getsockname()[1]
        socket.create_connection(("::1", port), timeout=10).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)
