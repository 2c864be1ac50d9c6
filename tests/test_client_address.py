"""Whose request it is, behind proxies and behind liars."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_archiver.client_address import client_address, client_group, is_trusted

PROXIES = [ip_network("127.0.0.1"), ip_network("::1"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),  # nobody who may say so
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the first is what the visitor wrote
        ("127.0.0.1", "198.51.100.1,10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 10.1.2.3", "10.0.0.1"),  # a visitor from within
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, 10.0.0.1:8080", "127.0.0.1"),
        ("127.0.0.1", ",,", "127.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_last_word_of_a_proxy_that_may_say_so_counts(
    peer: str, forwarded_for: str, expected: str
) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == expected


@given(st.lists(st.one_of(st.ip_addresses().map(str), st.just("127.0.0.1"), st.text()), max_size=5))
def test_what_a_visitor_writes_himself_changes_nothing(written: list[str]) -> None:
    assert client_address("127.0.0.1", ", ".join([*written, "192.0.2.1"]), PROXIES) == "192.0.2.1"


@given(st.text(), st.text())
def test_any_text_is_survived(peer: str, forwarded_for: str) -> None:
    assert isinstance(client_address(peer, forwarded_for, PROXIES), str)
    assert isinstance(client_group(peer), str)


def test_without_trusted_proxies_nobody_is_one() -> None:
    assert not is_trusted("127.0.0.1", [])
    assert client_address("127.0.0.1", "198.51.100.1", []) == "127.0.0.1"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),  # one host can take any address of its /64
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_who_counts_as_one_client(one: str, other: str, same: bool) -> None:
    assert (client_group(one) == client_group(other)) is same
