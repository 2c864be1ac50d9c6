"""What the proxies in front of the service say of a request, as far as they are to be believed."""

import logging
import re
import secrets
from collections.abc import Sequence
from ipaddress import ip_address

from tornado.httputil import HTTPServerRequest

from tornado_archiver.client_address import client_address, is_trusted
from tornado_archiver.setting_types import Network
from tornado_archiver.web.record import Record

log = logging.getLogger(__name__)

# What a proxy may have named a request; anything else would be a way into the log
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Proxies:
    """`trusted` are those whose word counts. Where nobody counts its clients, nothing `warns`."""

    def __init__(self, trusted: Sequence[Network], *, warns: bool = True) -> None:
        self._trusted = trusted
        self._suspect = warns

    def record_of(self, request: HTTPServerRequest) -> Record:
        """A new record, with the client's address and a name for the request."""
        peer = request.remote_ip or ""
        forwarded_for = request.headers.get("X-Forwarded-For", "")
        is_proxy = is_trusted(peer, self._trusted)
        if forwarded_for and not is_proxy:
            self._warn_once(peer)
        given = request.headers.get("X-Request-ID", "") if is_proxy else ""
        return Record(
            request_id=given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8),
            client=client_address(peer, forwarded_for, self._trusted),
        )

    def _warn_once(self, peer: str) -> None:
        """A proxy that nobody named makes one client of all its visitors. Any visitor can send the header, so
        only a private address (RFC 1918, RFC 4193) is taken for a proxy of ours."""
        if self._suspect and ip_address(peer).is_private:
            self._suspect = False
            log.warning(
                "%s sends X-Forwarded-For and is no trusted proxy, so all its visitors count as one client:"
                " if it is your proxy, name it in trusted-proxies",
                peer,
            )
