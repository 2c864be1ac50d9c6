"""Whether a request comes with a link that opens its directory."""

from tornado.httputil import HTTPServerRequest

from tornado_archiver.signed_link import LinkKeys


def check_link(keys: LinkKeys | None, source_hash: str, request: HTTPServerRequest, now: float) -> None:
    """Nothing when the link is good, or needs no signature because there are no keys.

    Once per request, before its first byte: a download that began in time may finish. Raises
    LinkRefusedError, LinkExpiredError.
    """
    if keys is not None:
        keys.check(source_hash, _argument(request, "expires"), _argument(request, "signature"), now)


def _argument(request: HTTPServerRequest, name: str) -> str:
    """What stands in the query exactly once, as it was sent: Tornado's own getter strips blanks and picks one
    of several. Else nothing, which no key has signed."""
    values = request.query_arguments.get(name, [])
    return values[0].decode("latin-1") if len(values) == 1 else ""
