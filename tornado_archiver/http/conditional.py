"""Conditional requests (RFC 9110 13): preconditions of a GET or HEAD, If-Range, and HTTP-dates.

Pure: the caller passes the time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from enum import Enum, auto

_OWS = " \t"
# RFC 9110 8.8.3: etagc = %x21 / %x23-7E / obs-text. It may be a comma, so a list is not split at commas.
_LISTED_TAG = re.compile(r'(?:^|,)[ \t]*(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7E\x80-\xFF]*)"[ \t]*(?=,|\Z)')
# RFC 9110 5.6.7: a recipient MUST accept all three HTTP-date formats: IMF-fixdate, rfc850-date, asctime-date.
_IMF_FIXDATE = "%a, %d %b %Y %H:%M:%S GMT"
_RFC850_DATE = "%A, %d-%b-%y %H:%M:%S GMT"
_ASCTIME_DATE = "%a %b %d %H:%M:%S %Y"

datetime.strptime("", "")  # because the first call imports a module, which fails without a free descriptor


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of an archive (RFC 9110 8.8).

    `etag` is a strong validator without quotes, None if the same request can yield other bytes.
    `last_modified` is in whole seconds since the epoch, None if it is unknown.
    """

    etag: str | None = None
    last_modified: int | None = None


class PreconditionResult(Enum):
    """The result of the preconditions, with the status that it leads to."""

    PROCEED = auto()
    NOT_MODIFIED = auto()  # 304
    PRECONDITION_FAILED = auto()  # 412


def evaluate_preconditions(
    headers: Mapping[str, str], validators: Validators, now: float
) -> PreconditionResult:
    """Evaluate the preconditions of a GET or HEAD for an existing archive, in the order of RFC 9110 13.2.2.

    The fifth step there, If-Range, is `if_range_matches`. `headers` is case-insensitive, `now` is in seconds
    since the epoch.
    """
    if _precondition_failed(headers, validators, now):
        return PreconditionResult.PRECONDITION_FAILED
    return (
        PreconditionResult.NOT_MODIFIED
        if _not_modified(headers, validators, now)
        else PreconditionResult.PROCEED
    )


def if_range_matches(if_range: str | None, validators: Validators, now: float) -> bool:
    """Return whether Range is honoured with this If-Range; `now` is in seconds since the epoch.

    A date matches if it equals `last_modified`. That is strong enough, because `last_modified` advances with
    every change, and a client must not send a date from within a second of the change (RFC 9110 8.8.2.2).
    """
    if if_range is None:
        return True
    field = if_range.strip(_OWS)
    # RFC 9110 13.1.5: If the HTTP-date validator provided exactly matches the Last-Modified field value for
    # the selected representation, the condition is true.
    if validators.last_modified is not None and parse_http_date(field, now) == validators.last_modified:
        return True
    # RFC 9110 13.1.5: If the entity-tag validator provided exactly matches the ETag field value for the
    # selected representation using the strong comparison function, the condition is true.
    return validators.etag is not None and field == f'"{validators.etag}"'


def http_date(epoch_seconds: int) -> str:
    """Return an IMF-fixdate, for Last-Modified and Date."""
    return formatdate(epoch_seconds, usegmt=True)


def parse_http_date(text: str, now: float) -> int | None:
    """Return the seconds since the epoch; None if the text is not one valid HTTP-date."""
    for form in (_IMF_FIXDATE, _RFC850_DATE, _ASCTIME_DATE) if text.isascii() else ():
        try:
            date = datetime.strptime(text.strip(_OWS), form).replace(tzinfo=UTC)
            return int((_expand_two_digit_year(date, now) if form is _RFC850_DATE else date).timestamp())
        except ValueError:
            continue
    return None


def _precondition_failed(headers: Mapping[str, str], validators: Validators, now: float) -> bool:
    # RFC 9110 13.2.2: 1. When recipient is the origin server and If-Match is present, evaluate the If-Match
    # precondition: if false, respond 412 (Precondition Failed).
    if (if_match := headers.get("If-Match")) is not None:
        # RFC 9110 13.1.1: MUST use the strong comparison function.
        return not _etag_matches(if_match, validators.etag, weak=False)
    # RFC 9110 13.2.2: 2. If-Match is not present, and If-Unmodified-Since is present: if false, 412.
    # RFC 9110 13.1.4: the condition is true if the last modification date is earlier than or equal to it.
    return _unmodified_since(headers.get("If-Unmodified-Since"), validators, now) is False


def _not_modified(headers: Mapping[str, str], validators: Validators, now: float) -> bool:
    # RFC 9110 13.2.2: 3. When If-None-Match is present: if false for GET/HEAD, respond 304 (Not Modified).
    if (if_none_match := headers.get("If-None-Match")) is not None:
        # RFC 9110 13.1.2: MUST use the weak comparison function.
        return _etag_matches(if_none_match, validators.etag, weak=True)
    # RFC 9110 13.2.2: 4. When the method is GET or HEAD, If-None-Match is not present, and
    # If-Modified-Since is present: if false, respond 304 (Not Modified).
    # RFC 9110 13.1.3: the condition is false if the last modification date is earlier or equal to it.
    return _unmodified_since(headers.get("If-Modified-Since"), validators, now) is True


def _etag_matches(field: str, etag: str | None, *, weak: bool) -> bool:
    # RFC 9110 13.1.1, 13.1.2: "*" is any current representation, and there is one.
    if field.strip(_OWS) == "*":
        return True
    # RFC 9110 8.8.3.2: equivalent if their opaque-tags match character-by-character; strong comparison: if
    # both are not weak.
    return any(tag["tag"] == etag and (weak or not tag["weak"]) for tag in _LISTED_TAG.finditer(field))


def _unmodified_since(field: str | None, validators: Validators, now: float) -> bool | None:
    # RFC 9110 13.1.3, 13.1.4: MUST ignore the header field if the received field value is not a valid
    # HTTP-date, or if the resource does not have a modification date available.
    date = None if field is None else parse_http_date(field, now)
    if date is None or validators.last_modified is None:
        return None
    return validators.last_modified <= date


def _expand_two_digit_year(date: datetime, now: float) -> datetime:
    # RFC 9110 5.6.7: MUST interpret a timestamp that appears to be more than 50 years in the future as
    # representing the most recent year in the past that had the same last two digits.
    today = datetime.fromtimestamp(now, UTC)
    is_later_in_year = date.timetuple()[1:6] > today.timetuple()[1:6]
    latest = today.year + 50 - is_later_in_year
    return date.replace(year=latest - (latest - date.year) % 100)
