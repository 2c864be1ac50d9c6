"""The address of the client, behind trusted proxies and with forged headers."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_archiver.http.forwarded import client_host, client_key, is_trusted

PROXIES = [ip_network("127.0.0.1"), ip_network("::1"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),  # the peer is not a trusted proxy
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the client wrote the first
        ("127.0.0.1", "198.51.100.1,10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 10.1.2.3", "10.0.0.1"),  # a client in the trusted network
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1:443, 10.0.0.1:8080", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, unix:", "198.51.100.1"),  # nginx, for a peer on a Unix socket
        ("127.0.0.1", "unix:", "unix"),
        ("192.0.2.1", "unix:", "192.0.2.1"),
        ("unix", "", "unix"),
        ("unix", "198.51.100.1", "198.51.100.1"),
        ("unix", "198.51.100.1, unix:, 10.0.0.1", "198.51.100.1"),
        ("unix", "198.51.100.1, unix", "unix"),  # not an address, and not what nginx sends
        ("127.0.0.1", ",,", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, ,\t,", "198.51.100.1"),  # RFC 9110 5.6.1.2: empty elements
        ("", "198.51.100.1", ""),
    ],
)
def test_client_is_last_address_that_a_trusted_proxy_added(
    peer: str, forwarded_for: str, expected: str
) -> None:
    assert client_host(peer, forwarded_for, PROXIES) == expected


IPV4, IPV6 = "203.0.113.1", "2001:db8::1"
FORMS = {
    "203.0.113.1": IPV4,
    " \t203.0.113.1 ": IPV4,
    "203.0.113.1:51000": IPV4,  # Azure, AWS, IIS
    "203.0.113.1:": IPV4,  # RFC 3986 3.2.3: a port may be empty
    "203.0.113.1:_port-1": IPV4,  # RFC 7239 6: it may be obfuscated
    '"203.0.113.1"': IPV4,
    '"203.0.113.1:51000"': IPV4,
    "::ffff:203.0.113.1": IPV4,
    "::ffff:cb00:7101": IPV4,
    "::ffff:203.0.113.1:51000": IPV4,
    "[::ffff:203.0.113.1]:51000": IPV4,
    "2001:db8::1": IPV6,
    "2001:DB8:0:0:0:0:0:1": IPV6,
    "[2001:db8::1]": IPV6,
    "[2001:db8::1]:51000": IPV6,
    '"[2001:db8::1]"': IPV6,
    '"[2001:db8::1]:51000"': IPV6,
    ' "[2001:db8::1]:_x" ': IPV6,
    "2001:db8:0:0:0:0:0:1:443": IPV6,  # a ninth group is the port
    "2001:db8::1:51000": IPV6,  # five digits are not a group
    "2001:db8::1:8080": "2001:db8::1:8080",  # four can be a group
    "fe80::1%eth0": "fe80::1",
    "[fe80::1%eth0]:51000": "fe80::1",
    "[fe80::1%25eth0]": "fe80::1",  # RFC 6874, as in a URL
}


@pytest.mark.parametrize("form", FORMS)
def test_client_address_in_any_form_is_parsed(form: str) -> None:
    assert client_host("127.0.0.1", f"198.51.100.9, {form}", PROXIES) == FORMS[form]
    assert client_host("127.0.0.1", f"{form},10.0.0.1", PROXIES) == FORMS[form]


@pytest.mark.parametrize(
    "node",
    "unknown unknown:80 _hidden _hidden:_x proxy.test 203.0.113.01 203.0.113.1:http 203.0.113.1:123456 "
    '203.0.113.1:٣ 203.0.113.256 for=203.0.113.1 [] : "'.split(),
)
def test_node_without_address_is_reported_with_its_proxy(node: str) -> None:
    reported: list[tuple[str, str]] = []
    client = client_host(
        "127.0.0.1", f"{node}, 10.0.0.1", PROXIES, lambda proxy, node: reported.append((proxy, node))
    )
    assert client == "10.0.0.1"
    assert reported == [("10.0.0.1", node)]


def test_node_without_address_from_client_is_not_reported() -> None:
    reported: list[tuple[str, str]] = []
    for peer, field in (("127.0.0.1", "unknown, 192.0.2.1"), ("192.0.2.1", "unknown")):
        address = client_host(peer, field, PROXIES, lambda proxy, node: reported.append((proxy, node)))
        assert address == "192.0.2.1"
    assert reported == []


@given(st.lists(st.one_of(st.ip_addresses().map(str), st.just("127.0.0.1"), st.text()), max_size=5))
def test_addresses_from_client_are_ignored(forged: list[str]) -> None:
    assert client_host("127.0.0.1", ", ".join([*forged, "192.0.2.1"]), PROXIES) == "192.0.2.1"


@given(st.text(), st.text())
def test_any_text_yields_an_address(peer: str, forwarded_for: str) -> None:
    assert isinstance(client_host(peer, forwarded_for, PROXIES), str)
    assert isinstance(client_key(peer), str)


def test_without_trusted_proxies_peer_is_the_client() -> None:
    assert not is_trusted("127.0.0.1", [])
    assert client_host("127.0.0.1", "198.51.100.1", []) == "127.0.0.1"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),  # one host can take any address of its /64
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_client_key_is_ipv4_address_or_ipv6_64(first: str, second: str, same: bool) -> None:
    assert (client_key(first) == client_key(second)) is same
