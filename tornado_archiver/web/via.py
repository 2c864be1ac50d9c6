"""Whether a client can see an abort, by the protocols that the proxies on the way list in Via."""

import re

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
