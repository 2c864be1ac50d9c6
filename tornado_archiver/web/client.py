"""What the proxies in front of the service say of a request, as far as they are to be believed."""

import logging
import re
import secrets
from collections.abc import Sequence

from tornado.httputil import HTTPServerRequest

from tornado_archiver.http.forwarded import LOOPBACK, client_host, is_trusted, parse_address
from tornado_archiver.settings.types import Network
from tornado_archiver.telemetry.transfer import Transfer
from tornado_archiver.web.access_log import shorten_hash

log = logging.getLogger(__name__)

# The name that a proxy gave a request: a UUID, base64, or addresses and ports with colons (haproxy). Anything
# else would be a way into the log
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@+/=~-]{1,64}", re.ASCII)
_TORNADO_UNIX_PEER = "0.0.0.0"  # noqa: S104 - what Tornado calls the peer of a Unix socket

_UNTRUSTED = (
    "%s sends X-Forwarded-For and is no trusted proxy, so all its visitors count as one client:"
    " if it is your proxy, name it in trusted-proxies"
)
_NOT_AN_ADDRESS = (
    "trusted proxy %s: its X-Forwarded-For has '%s' in place of an IP address, so all its clients count as"
    " one; configure it to send their addresses"
)


class ProxyHeaders:
    """`trusted` are those whose word counts. Where nobody counts its clients, nothing `warns`."""

    def __init__(self, trusted: Sequence[Network], *, warns: bool = True) -> None:
        self._trusted = trusted
        self._unsaid = {_UNTRUSTED, _NOT_AN_ADDRESS} if warns else set()

    def new_transfer(self, request: HTTPServerRequest) -> Transfer:
        """A new record, with the client's address and a name for the request."""
        peer = _peer_address(request)
        forwarded_for = request.headers.get("X-Forwarded-For", "")
        is_proxy = is_trusted(peer, self._trusted)
        if forwarded_for and not is_proxy:
            self._warn_untrusted(peer)
        given = request.headers.get("X-Request-ID", "") if is_proxy else ""
        return Transfer(
            request_id=given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8),
            client=client_host(peer, forwarded_for, self._trusted, self._warn_not_an_address),
        )

    def _warn_untrusted(self, peer: str) -> None:
        """A proxy that nobody named makes one client of all its visitors. Any visitor can send the header, so
        only a private address (RFC 1918, RFC 4193, RFC 6598) is taken for a proxy of ours."""
        found = parse_address(peer)
        if found is not None and not found.is_global:
            self._warn_once(_UNTRUSTED, peer)

    def _warn_not_an_address(self, proxy: str, node: str) -> None:
        """Show only the beginning of the text, because a client wrote it if the proxy just passes it on."""
        self._warn_once(_NOT_AN_ADDRESS, proxy, shorten_hash(ascii(node)[1:-1]))

    def _warn_once(self, message: str, *details: str) -> None:
        """Once in the life of a worker, because each request could be a reason."""
        if message in self._unsaid:
            self._unsaid.discard(message)
            log.warning(message, *details)


def _peer_address(request: HTTPServerRequest) -> str:
    """The address of who holds the connection."""
    address = request.remote_ip
    return LOOPBACK if address in (None, "", _TORNADO_UNIX_PEER) else str(address)
