"""Whether a request comes with a link that opens its directory."""

from tornado.httputil import HTTPServerRequest

from tornado_archiver.signed_link import LinkSigner


def verify_link(keys: LinkSigner | None, source_hash: str, request: HTTPServerRequest, now: float) -> None:
    """Nothing when the link is good, or needs no signature because there are no keys.

    Once per request, before its first byte: a download that began in time may finish. Raises
    BadSignatureError, LinkExpiredError.
    """
    if keys is not None:
        keys.verify(
            source_hash,
            _single_query_argument(request, "expires"),
            _single_query_argument(request, "signature"),
            now,
        )


def _single_query_argument(request: HTTPServerRequest, name: str) -> str:
    """What stands in the query exactly once, as it was sent: Tornado's own getter strips blanks and picks one
    of several. Else nothing, which no key has signed."""
    values = request.query_arguments.get(name, [])
    return values[0].decode("latin-1") if len(values) == 1 else ""
