"""Signed links: links with an expiry time and an HMAC. Pure: the caller passes the time.

`/archive/<hash>/?expires=<unix time>&signature=<hex>`. The signed text is the hash, a newline and the digits
of the time. A link with a name (`?name=`, or at the end of the path) has a further newline and the name.
Neither the hash nor the time can contain a newline, so the text determines all parts. Format, selection and
`?info` are not signed, so a link is valid for every format that the service offers and for each part of the
directory.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from tornado_archiver.errors import BadSignatureError, LinkExpiredError

# One text for each time, as PHP and Python print it, without sign, leading zero and non-ASCII digits
_EXPIRES = re.compile(r"0|[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Keys that sign and verify links.

    The first key signs, and links signed with any of the keys are valid. To replace a key, add the new one
    in front, and remove the old one when its links have expired.
    """

    keys: tuple[str, ...] = field(repr=False)  # so that logs and tracebacks do not contain them

    def sign(
        self,
        source_hash: str,
        expires: int,
        extra_query: Mapping[str, str] | None = None,
        *,
        name: str = "",
        file_name: str = "",
    ) -> str:
        """Return path and query of the link; `expires` in Unix time. `extra_query` is not signed.

        At most one of `name` (for `?name=`) and `file_name` (for the end of the path) is given.
        """
        signature = self.signature(source_hash, str(expires), file_name or name)
        arguments = {"name": name} if name else {}
        arguments |= {"expires": str(expires), "signature": signature, **(extra_query or {})}
        path = f"/archive/{quote(source_hash, safe='')}/{quote(file_name, safe='')}"
        return f"{path}?{urlencode(arguments)}"

    def signature(self, source_hash: str, expires: str, name: str = "") -> str:
        return _signature(self.keys[0], _signed_text(source_hash, expires, name))

    def verify(self, source_hash: str, expires: str, signature: str, now: float, name: str = "") -> None:
        """Raise BadSignatureError or LinkExpiredError unless the link is valid at the Unix time `now`.

        LinkExpiredError requires a valid signature, so that a client without one cannot learn that the
        directory exists.
        """
        text = _signed_text(source_hash, expires, name)
        if not _EXPIRES.fullmatch(expires) or not self._matches_any_key(text, signature):
            raise BadSignatureError("the signature does not match any key")
        if now >= int(expires):
            raise LinkExpiredError("the link has expired")

    def _matches_any_key(self, text: bytes, signature: str) -> bool:
        """Compare with all keys, each in constant time, so that the time does not depend on the keys."""
        actual = signature.encode("ascii", "replace")  # because compare_digest rejects non-ASCII text
        expected = [_signature(key, text).encode() for key in self.keys]
        matches = [hmac.compare_digest(actual, each) for each in expected]
        return any(matches)


def _signed_text(source_hash: str, expires: str, name: str) -> bytes:
    # surrogateescape, because the name in a link can be any bytes
    return "\n".join([source_hash, expires, *filter(None, [name])]).encode("utf-8", "surrogateescape")


def _signature(key: str, text: bytes) -> str:
    """Return the HMAC-SHA-256 (RFC 2104) in hex, like PHP's hash_hmac('sha256', "$hash\\n$expires", $key)."""
    return hmac.new(key.encode(), text, "sha256").hexdigest()
