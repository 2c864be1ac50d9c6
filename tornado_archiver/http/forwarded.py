"""Request headers that proxies add: X-Forwarded-For for the address of the client, Via for the protocol.

Any client can send X-Forwarded-For, so only the addresses that trusted proxies appended are used. Read from
the right, the first address that does not belong to a trusted proxy is the client.
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from tornado_archiver.settings.types import Network

_Address = IPv4Address | IPv6Address

UNIX_PEER = "unix"  # the other end of a Unix socket, which has no address

_OWS = " \t"
_PORT = re.compile(r":([0-9]{0,5}|_[A-Za-z0-9._-]+)$")  # RFC 7239 6: digits, or obfuscated
_UNIX_NODE = "unix:"  # nginx's $remote_addr of a Unix socket's peer

# A proxy that received the request over HTTP/1.0 or older responds over the same. There a body without a
# length ends with the connection (RFC 9112 6.3), and no proxy forwards a reset. HTTP/1.1 has chunks, HTTP/2
# and 3 have RST_STREAM.
_WITHOUT_CHUNKS = re.compile(r"(?:HTTP/)?(?:0(?:\.\d+)?|1(?:\.0)?)", re.ASCII | re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")  # may contain a comma (RFC 9110 5.6.5)


def is_trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Return whether the text is the address of one of the proxies, or UNIX_PEER.

    Only a process of the same machine that is allowed to open the socket can be at the other end of it.
    """
    if address == UNIX_PEER:
        return True
    parsed = parse_address(address)
    return parsed is not None and any(parsed in network for network in proxies)


def client_host(
    peer: str,
    forwarded_for: str,
    proxies: Sequence[Network],
    report: Callable[[str, str], None] = lambda proxy, node: None,
) -> str:
    """Return the address of the client, as text.

    `peer` is the address of the connection, `forwarded_for` the value of X-Forwarded-For, "" without one.
    Several such headers are joined by commas (RFC 9110 5.3). If a trusted proxy names its client by something
    other than an address, return the address of that proxy and call `report` with it and the text.
    """
    address = peer
    nodes = [node for part in forwarded_for.split(",") if (node := part.strip(_OWS))]
    while nodes and is_trusted(address, proxies):
        node = nodes.pop()
        if node == _UNIX_NODE:
            address = UNIX_PEER
            continue
        parsed = _parse_node(node)
        if parsed is None:
            report(address, node)
            break
        address = str(parsed).partition("%")[0]  # without the zone (RFC 4007), which is local to the proxy
    return address


def client_key(address: str) -> str:
    """Return the key that limits apply to: an IPv4 address, or an IPv6 /64.

    An IPv6 host commonly has a /64 (RFC 6177), and can use any address of it.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        network = ip_network((parsed, 64), strict=False)
        assert isinstance(network, IPv6Network)  # noqa: S101 - for the type checker
        return str(network)
    return address if parsed is None else str(parsed)


def parse_address(text: str) -> _Address | None:
    """Return the address, None for other text. IPv4-mapped IPv6 (RFC 4291 2.5.5.2) becomes IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _parse_node(node: str) -> _Address | None:
    """Return the address of a node, without quotes, port and brackets (RFC 7239 6).

    Azure, AWS and IIS add a port. Text that is an address is taken unchanged: 2001:db8::1:8080 has no port.
    """
    text = node.strip('"')
    return parse_address(text) or parse_address(_PORT.sub("", text).strip("[]"))


def shows_aborts(via: str) -> bool:
    """Return whether a client can see that a body of unknown length was aborted.

    `via` is the request's Via header, "" without one: each proxy appends the protocol that it received the
    request with (RFC 9110 7.6.3). A Via from any client is used, because a forged one only denies its sender
    the archive. A proxy without Via, or a protocol that is not HTTP, counts as one that shows aborts.
    """
    hops = (hop.split() for hop in _COMMENT.sub("", via).split(","))
    return not any(hop and _WITHOUT_CHUNKS.fullmatch(hop[0]) for hop in hops)
