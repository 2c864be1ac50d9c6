"""The client address and request id from the headers of trusted proxies."""

import logging
import re
import secrets
from collections.abc import Sequence

from tornado.httputil import HTTPServerRequest

from tornado_archiver.http.forwarded import UNIX_PEER, client_host, is_trusted, parse_address
from tornado_archiver.settings.types import Network
from tornado_archiver.telemetry.transfer import Transfer
from tornado_archiver.web.access_log import shorten_hash

log = logging.getLogger(__name__)

# A UUID, base64, or addresses and ports with colons (HAProxy). All else is ignored, because clients could
# write into the log with it
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@+/=~-]{1,64}", re.ASCII)
_TORNADO_UNIX_PEER = "0.0.0.0"  # noqa: S104 - the peer address that Tornado sets for a Unix socket

_UNTRUSTED = (
    "untrusted proxy %s: sends X-Forwarded-For, and all its clients count as one;"
    " if it is your proxy, add it to trusted-proxies"
)
_NOT_AN_ADDRESS = (
    "trusted proxy %s: sends X-Forwarded-For with '%s' instead of an IP address, and all its clients count"
    " as one; configure it to send their addresses"
)


class ProxyHeaders:
    """Reads the headers of `trusted` proxies. `warns` is False where no limit applies to clients."""

    def __init__(self, trusted: Sequence[Network], *, warns: bool = True) -> None:
        self._trusted = trusted
        self._pending_warnings = {_UNTRUSTED, _NOT_AN_ADDRESS} if warns else set()

    def new_transfer(self, request: HTTPServerRequest) -> Transfer:
        """Return a new transfer with the client's address and a request id."""
        peer = _peer_address(request)
        forwarded_for = request.headers.get("X-Forwarded-For", "")
        is_proxy = is_trusted(peer, self._trusted)
        if forwarded_for and not is_proxy:
            self._warn_untrusted(peer)
        request_id = request.headers.get("X-Request-ID", "") if is_proxy else ""
        return Transfer(
            request_id=request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(8),
            client=client_host(peer, forwarded_for, self._trusted, self._warn_not_an_address),
        )

    def _warn_untrusted(self, peer: str) -> None:
        """Warn of a proxy that is missing in trusted-proxies, because all its clients share one limit.

        Any client can send the header, so only a private address (RFC 1918, RFC 4193, RFC 6598) counts as a
        proxy of this site.
        """
        address = parse_address(peer)
        if address is not None and not address.is_global:
            self._warn_once(_UNTRUSTED, peer)

    def _warn_not_an_address(self, proxy: str, node: str) -> None:
        """Log only the beginning of the text, because a client wrote it if the proxy just forwards it."""
        self._warn_once(_NOT_AN_ADDRESS, proxy, shorten_hash(ascii(node)[1:-1]))

    def _warn_once(self, message: str, *details: str) -> None:
        """Log each warning once per worker, because every request could repeat it."""
        if message in self._pending_warnings:
            self._pending_warnings.discard(message)
            log.warning(message, *details)


def _peer_address(request: HTTPServerRequest) -> str:
    """Return the address of the other end of the connection, UNIX_PEER for a Unix socket."""
    address = request.remote_ip
    return UNIX_PEER if address in (None, "", _TORNADO_UNIX_PEER) else str(address)
