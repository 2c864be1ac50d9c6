"""Whose request it is: the peer's own word, or that of the proxies in front of it.

X-Forwarded-For can be written by anyone, so only what a trusted proxy added to it counts: read from the
right, the first address that is no trusted proxy's is the client.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from tornado_archiver.setting_types import Network

_Address = IPv4Address | IPv6Address


def is_trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Whether the text is the address of one of the proxies."""
    found = _parsed(address)
    return found is not None and any(found in network for network in proxies)


def client_address(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """The client's address, as text. `peer` is who holds the connection, `forwarded_for` the value of its
    X-Forwarded-For, "" without one; several such headers are one, with commas between them (RFC 9110 5.3)."""
    address = peer
    hops = [hop.strip() for hop in forwarded_for.split(",")] if forwarded_for else []
    while hops and is_trusted(address, proxies):
        hop = _parsed(hops.pop())
        if hop is None:
            break  # the proxy passed on what is no address: the client hides behind it
        address = str(hop).partition("%")[0]  # a zone (RFC 4007) is any text, and means nothing over here
    return address


def client_group(address: str) -> str:
    """Who counts as one client: an IPv4 address, or the /64 that a host of IPv6 commonly has to itself
    (RFC 6177) and can take any address of."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        network = ip_network((found, 64), strict=False)
        assert isinstance(network, IPv6Network)  # noqa: S101 - for the type checker
        return str(network)
    return address if found is None else str(found)


def _parsed(text: str) -> _Address | None:
    """An IPv4 address in IPv6's clothes (RFC 4291 2.5.5.2) is taken as what it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
