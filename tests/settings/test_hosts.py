"""Tests of addresses to listen on: IPv6 addresses in brackets, several ones, and names that the system
refuses.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from tests.settings.sources import BY_NAME, SOURCES, Sources
from tornado_archiver.errors import SettingsError
from tornado_archiver.server.sockets import Address, admin_addresses, bind, public_addresses
from tornado_archiver.settings.options import Settings


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["host", "admin_host"])
def test_brackets_around_ipv6_address_are_stripped(sources: Sources, name: str, source: str) -> None:
    sources.give(source, BY_NAME[name], "[fe80::1%eth0],[::1]")
    assert getattr(sources.load(), name) == ("fe80::1%eth0", "::1")


@pytest.mark.parametrize("written", ["[::1", "::1]", "[localhost]", "[]"])
def test_other_brackets_are_kept(sources: Sources, written: str) -> None:
    sources.give("flag", BY_NAME["host"], written)
    assert sources.load().host == (written,)


@contextmanager
def listening(addresses: Sequence[Address]) -> Iterator[list[socket.socket]]:
    with ExitStack() as undo:
        yield [undo.enter_context(held) for held in bind(addresses)]


@pytest.mark.parametrize(
    ("host", "port", "addresses"),
    [("host", "port", public_addresses), ("admin_host", "admin_port", admin_addresses)],
)
def test_listens_on_ipv6_address_in_brackets(
    sources: Sources, host: str, port: str, addresses: Callable[[Settings], list[Address]]
) -> None:
    sources.give("flag", BY_NAME[host], "[::1]")
    with socket.create_server(("127.0.0.1", 0)) as used:
        sources.give("environment", BY_NAME[port], str(used.getsockname()[1]))  # used for IPv4 only
        with listening(addresses(sources.load())) as held:
            assert [one.getsockname()[0] for one in held] == ["::1"]


def test_ipv6_wildcard_listens_on_ipv6_only() -> None:
    with listening(public_addresses(Settings(host=("::",), port=0))) as (held,):
        port = held.getsockname()[1]
        socket.create_connection(("::1", port), timeout=10).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)


def test_several_addresses_get_the_same_free_port() -> None:
    settings = Settings(host=("127.0.0.1", "127.0.0.2", "::1"), port=0)
    with listening(public_addresses(settings)) as held:
        assert [one.getsockname()[0] for one in held] == ["127.0.0.1", "127.0.0.2", "::1"]
        assert len({one.getsockname()[1] for one in held}) == 1


def test_both_wildcards_accept_ipv4_and_ipv6() -> None:
    with listening(public_addresses(Settings(host=("0.0.0.0", "::"), port=0))) as held:
        port = held[0].getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=10).close()


def test_admin_port_0_leaves_only_unix_sockets() -> None:
    settings = Settings(admin_host=("127.0.0.1", "unix:/run/a.sock"), admin_port=0)
    assert [str(address) for address in admin_addresses(settings)] == ["unix:/run/a.sock"]


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_impossible_host_name_is_reported(host: str) -> None:
    with pytest.raises(SettingsError, match=rf"^cannot listen on {host} port 7777 .*not a valid host name"):
        bind(public_addresses(Settings(host=(host,))))


# Tornado leaves a socket that it cannot bind to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_address_in_use_closes_the_addresses_before_it() -> None:
    with socket.create_server(("127.0.0.2", 0)) as used:
        port = used.getsockname()[1]
        settings = Settings(host=("127.0.0.1", "127.0.0.2"), port=port)
        with pytest.raises(SettingsError, match=rf"^cannot listen on 127\.0\.0\.2 port {port} "):
            bind(public_addresses(settings))
        socket.create_server(("127.0.0.1", port)).close()
