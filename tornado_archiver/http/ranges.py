"""Range requests (RFC 9110 14): parsing of Range, and values of Content-Range. Pure."""

import re

from tornado_archiver.backend import ByteRange

MAX_RANGES = 10  # because readers of ZIP or PDF request a few; more is an attack (CVE-2011-3192) or a bug

_OWS = " \t"
_RANGE_SPEC = re.compile(r"(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+)")
_MAX_DIGITS = 18
_HUGE = 10**_MAX_DIGITS  # an exabyte: beyond the end of any archive


def parse_range(header: str | None, length: int, max_ranges: int = MAX_RANGES) -> list[ByteRange] | None:
    """Return the ranges to send of `length` bytes, in the requested order.

    None: Range is absent or not honoured, so the whole archive is sent (200). An empty list: every requested
    range is unsatisfiable (416). Otherwise 206, also if one range is the whole archive (`bytes=0-`).
    Of several ranges, the unsatisfiable ones are omitted.
    """
    specs = _range_specs(header or "")
    # RFC 9110 14.2: MAY ignore a Range header field when the selected representation has no content.
    if not specs or len(specs) > max_ranges or not length:
        return None
    bounds = [bound for spec in specs if (bound := _bounds(spec, length)) is not None]
    # RFC 9110 14.1.1: A ranges-specifier is invalid if it contains any range-spec that is invalid.
    if len(bounds) < len(specs):
        return None
    ranges = [ByteRange(start, stop) for start, stop in bounds if start < stop]
    # RFC 9110 14.2: MAY ignore overlapping ranges and a set of many small ranges, since these are indications
    # of either a broken client or a deliberate denial-of-service attack. Longer than the whole: they overlap.
    return ranges if sum(byte_range.length for byte_range in ranges) <= length else None


def content_range(byte_range: ByteRange, length: int) -> str:
    """Return the Content-Range of a 206, or of one part of it (RFC 9110 14.4)."""
    return f"bytes {byte_range.start}-{byte_range.stop - 1}/{length}"


def unsatisfied_range(length: int) -> str:
    """Return the Content-Range of a 416 (RFC 9110 14.4)."""
    return f"bytes */{length}"


def _range_specs(header: str) -> list[str]:
    unit, _, range_set = header.partition("=")
    # RFC 9110 14.2: MUST ignore a Range header field that contains a range unit it does not understand.
    # RFC 9110 14.1: All range unit names are case-insensitive.
    if unit.lower() != "bytes":
        return []
    # RFC 9110 5.6.1.2: MUST parse and ignore a reasonable number of empty list elements.
    # Erratum 7306: range-unit "=" OWS range-set, as in the RFC's own `bytes= 0-999, 4500-5499, -1000`.
    return [spec for element in range_set.split(",") if (spec := element.strip(_OWS))]


def _bounds(spec: str, length: int) -> tuple[int, int] | None:
    """Return start and stop of `spec`, start >= stop if it is unsatisfiable; None if it is malformed."""
    match = _RANGE_SPEC.fullmatch(spec)
    if match is None:
        return None
    # RFC 9110 14.1.2: If the selected representation is shorter than the specified suffix-length, the entire
    # representation is used.
    if match["suffix"]:
        return max(0, length - _position(match["suffix"])), length
    first, last = _position(match["first"]), _position(match["last"]) if match["last"] else _HUGE
    # RFC 9110 14.1.1: An int-range is invalid if the last-pos value is present and less than first-pos.
    # RFC 9110 14.1.2: If last-pos is absent, or greater than or equal to the current length, the byte range
    # is interpreted as the remainder of the representation.
    return (first, min(last + 1, length)) if first <= last else None


def _position(digits: str) -> int:
    # RFC 9110 14.1.2: MUST anticipate potentially large decimal numerals and prevent parsing errors due to
    # integer conversion overflows. Python's own limit is 4300 digits.
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _MAX_DIGITS else _HUGE
