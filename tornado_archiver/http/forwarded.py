"""Whose request it is: the peer's own word, or that of the proxies in front of it.

X-Forwarded-For can be written by anyone, so only what a trusted proxy added to it counts: read from the
right, the first address that is no trusted proxy's is the client.
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from tornado_archiver.settings.types import Network

_Address = IPv4Address | IPv6Address

LOOPBACK = "127.0.0.1"  # also stands for the peer of a Unix socket, because that is on the same machine

_BLANKS = " \t"
_PORT = re.compile(r":([0-9]{0,5}|_[A-Za-z0-9._-]+)$")  # RFC 7239 6: digits, or obfuscated
_UNIX_PEER = "unix:"  # nginx's $remote_addr for such a peer


def is_trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Whether the text is the address of one of the proxies."""
    found = parse_address(address)
    return found is not None and any(found in network for network in proxies)


def client_host(
    peer: str,
    forwarded_for: str,
    proxies: Sequence[Network],
    report: Callable[[str, str], None] = lambda proxy, node: None,
) -> str:
    """The client's address, as text. `peer` is who holds the connection, `forwarded_for` the value of its
    X-Forwarded-For, "" without one; several such headers are one, with commas between them (RFC 9110 5.3).

    Where a trusted proxy names its client by something that is not an address, the client counts as that
    proxy, and `report` is called with the proxy's address and the text."""
    address = peer
    nodes = [node for part in forwarded_for.split(",") if (node := part.strip(_BLANKS))]
    while nodes and is_trusted(address, proxies):
        node = nodes.pop()
        found = _parse_node(node)
        if found is None:
            report(address, node)
            break
        address = str(found).partition("%")[0]  # a zone (RFC 4007) is any text, and means nothing over here
    return address


def client_key(address: str) -> str:
    """Who counts as one client: an IPv4 address, or the /64 that a host of IPv6 commonly has to itself
    (RFC 6177) and can take any address of."""
    found = parse_address(address)
    if isinstance(found, IPv6Address):
        network = ip_network((found, 64), strict=False)
        assert isinstance(network, IPv6Network)  # noqa: S101 - for the type checker
        return str(network)
    return address if found is None else str(found)


def parse_address(text: str) -> _Address | None:
    """The address, None for other text. An IPv4 address in IPv6's clothes (RFC 4291 2.5.5.2) is taken as what
    it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _parse_node(node: str) -> _Address | None:
    """The address in the name of a client, without quotes, port and brackets (RFC 7239 6; Azure, AWS and IIS
    write a port as well). What can be read as an address as it is, is one: 2001:db8::1:8080 has no port."""
    text = LOOPBACK if node == _UNIX_PEER else node.strip('"')
    return parse_address(text) or parse_address(_PORT.sub("", text).strip("[]"))


# A proxy that received the request over HTTP/1.0 or older responds over the same. There a body without a
# length ends with the connection (RFC 9112 6.3), and no proxy passes our reset on. HTTP/1.1 has chunks,
# HTTP/2 and 3 have RST_STREAM.
_WITHOUT_CHUNKS = re.compile(r"(?:HTTP/)?(?:0(?:\.\d+)?|1(?:\.0)?)", re.ASCII | re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")  # may contain a comma (RFC 9110 5.6.5)


def shows_aborts(via: str) -> bool:
    """Return whether a client can see that a body of unknown length was aborted.

    `via` is the request's Via header, "" without one: each proxy appends the protocol that it received the
    request with (RFC 9110 7.6.3). Any client is believed, because a forged Via only refuses its sender an
    archive. A proxy without Via, or a protocol that is not HTTP, counts as one that shows aborts.
    """
    hops = (hop.split() for hop in _COMMENT.sub("", via).split(","))
    return not any(hop and _WITHOUT_CHUNKS.fullmatch(hop[0]) for hop in hops)
