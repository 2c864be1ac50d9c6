"""Links that expire: only who has a key can make one. Pure: what the time is, the caller says.

`/archive/<hash>/?expires=<unix time>&signature=<hex>`. What is signed is the hash, a newline and the digits
of the time. Neither part can hold a newline, so no other pair makes the same text. The format is not
signed: a link opens its directory in every format that the service offers.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from tornado_archiver.errors import BadSignatureError, LinkExpiredError

# One text for each time, as PHP and Python write it: no sign, no leading zero, no digits of other scripts
_EXPIRES = re.compile(r"0|[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """The first key signs, all are accepted: a new one goes in front, an old one out when its links have
    expired."""

    keys: tuple[str, ...] = field(repr=False)  # whatever prints this object must not print them

    def sign(self, source_hash: str, expires: int, extra_query: Mapping[str, str] | None = None) -> str:
        """The link's path and query, signed; the `extra_query` arguments are not."""
        signature = self.signature(source_hash, str(expires))
        arguments = {"expires": str(expires), "signature": signature, **(extra_query or {})}
        return f"/archive/{quote(source_hash, safe='')}/?{urlencode(arguments)}"

    def signature(self, source_hash: str, expires: str) -> str:
        return _signature(self.keys[0], source_hash, expires)

    def verify(self, source_hash: str, expires: str, signature: str, now: float) -> None:
        """Raises BadSignatureError for what no key has signed; LinkExpiredError only for a link that was
        right once, so that nobody else learns that there is something."""
        if not _EXPIRES.fullmatch(expires) or not self._matches_any_key(source_hash, expires, signature):
            raise BadSignatureError("no key has signed this link")
        if now >= int(expires):
            raise LinkExpiredError("the time of this link is over")

    def _matches_any_key(self, source_hash: str, expires: str, signature: str) -> bool:
        """All keys are always tried, and each in constant time: how long it takes says nothing about them."""
        given = signature.encode("ascii", "replace")  # compare_digest takes no text beyond ASCII
        wanted = [_signature(key, source_hash, expires).encode() for key in self.keys]
        equal = [hmac.compare_digest(given, each) for each in wanted]
        return any(equal)


def _signature(key: str, source_hash: str, expires: str) -> str:
    """HMAC (RFC 2104) with SHA-256, in hex: PHP's hash_hmac('sha256', "$hash\\n$expires", $key)."""
    return hmac.new(key.encode(), f"{source_hash}\n{expires}".encode(), "sha256").hexdigest()
