"""Tests of addresses to listen on: IPv6 addresses in brackets, and names that the system refuses."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.settings.sources import BY_NAME, SOURCES, Sources
from tornado_archiver.errors import SettingsError
from tornado_archiver.server.sockets import ADMIN, PUBLIC, bind
from tornado_archiver.settings.options import Settings


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["host", "admin_host"])
def test_brackets_around_ipv6_address_are_stripped(sources: Sources, name: str, source: str) -> None:
    sources.give(source, BY_NAME[name], "[fe80::1%eth0]")
    assert getattr(sources.load(), name) == "fe80::1%eth0"


@pytest.mark.parametrize("written", ["[::1", "::1]", "[localhost]", "[]"])
def test_other_brackets_are_kept(sources: Sources, written: str) -> None:
    sources.give("flag", BY_NAME["host"], written)
    assert sources.load().host == written


@contextmanager
def listening(settings: Settings, address: tuple[str, str]) -> Iterator[list[socket.socket]]:
    with ExitStack() as undo:
        yield [undo.enter_context(held) for held in bind(settings, address)]


@pytest.mark.parametrize("address", [PUBLIC, ADMIN], ids=["public", "admin"])
def test_listens_on_ipv6_address_in_brackets(sources: Sources, address: tuple[str, str]) -> None:
    sources.give("flag", BY_NAME[address[0]], "[::1]")
    sources.give("environment", BY_NAME[address[1]], "0")
    with listening(sources.load(), address) as held:
        assert [one.getsockname()[0] for one in held] == ["::1"]


def test_ipv6_wildcard_listens_on_ipv6_only() -> None:
    with listening(Settings(host="::", port=0), PUBLIC) as (held,):
        port = held.getsockname()[1]
        socket.create_connection(("::1", port), timeout=10).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_impossible_host_name_is_reported(host: str) -> None:
    with pytest.raises(SettingsError, match=rf"^cannot listen on {host} port 7777 .*not a valid host name"):
        bind(Settings(host=host))
