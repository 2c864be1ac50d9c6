"""HTTP-dates (RFC 9110 5.6.7): valid formats, invalid text and two-digit years."""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from wsgiref.handlers import format_date_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.timestamps import NOW, SECOND
from tornado_archiver.http.conditional import http_date, parse_http_date


@pytest.mark.parametrize(
    "text",
    [
        # RFC 9110 5.6.7: the same time in all three formats
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT",  # a wrong day of the week is ignored
        "sun, 06 nov 1994 08:49:37 gmt",
    ],
)
def test_valid_http_date_is_parsed(text: str) -> None:
    assert parse_http_date(text, NOW) == SECOND


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 10:49:37 +0200",  # mail, not HTTP
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",  # RFC 822 (email.utils would take it)
        "06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\x00",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sat, 31 Dec 2016 23:59:60 GMT",  # a leap second, valid and unknown to datetime: ignored
        "Wed, 30 Feb 1994 08:49:37 GMT",
        "Mon, 29 Feb 2100 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sat, 01 Jan 0000 00:00:00 GMT",
        "Sun, 06 Nov 10000 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "dim., 06 nov. 1994 08:49:37 GMT",
        "Wed, 1\u0666 Nov 1994 08:49:37 GMT",  # int() and \d take any script's digits
        "\x0bSun, 06 Nov 1994 08:49:37 GMT",  # str.strip() takes more than blanks and tabs
        "1994-11-06T08:49:37Z",
        "1994-11-06",
        "784111777",
        "%a, %d %b %Y %H:%M:%S GMT",
        pytest.param("9" * 5000, id="huge"),
    ],
)
def test_invalid_http_date_is_none(text: str) -> None:
    assert parse_http_date(text, NOW) is None


@pytest.mark.parametrize(
    ("today", "date", "year"),
    [
        ("2026-06-15", "15-Jun-26", 2026),
        ("2026-06-15", "01-Jan-00", 2000),
        ("2026-06-15", "29-Feb-00", 2000),
        ("2026-06-15", "15-Jun-68", 2068),
        ("2026-06-15", "15-Jun-69", 2069),  # strptime and email.utils return 1969
        ("2026-06-15", "14-Jun-76", 2076),
        ("2026-06-15", "15-Jun-76", 1976),  # by hours more than 50 years in the future
        ("2026-06-15T08:49:37", "15-Jun-76", 2076),  # 50 years and not a second more
        ("2026-06-15T08:49:36", "15-Jun-76", 1976),
        ("2026-06-15", "01-Jan-77", 1977),
        ("2026-06-15", "06-Nov-94", 1994),
        ("2026-06-15", "31-Dec-99", 1999),
        ("2049-12-31", "30-Dec-99", 2099),
        ("2028-02-29", "28-Feb-78", 2078),
        ("2028-02-29", "01-Mar-78", 1978),
        ("2060-01-01", "31-Dec-09", 2109),
        ("2060-01-01", "31-Dec-59", 2059),
        ("1996-01-01", "31-Dec-45", 2045),
        ("1996-01-01", "31-Dec-46", 1946),
    ],
)
def test_two_digit_year_is_at_most_50_years_ahead(today: str, date: str, year: int) -> None:
    now = datetime.fromisoformat(today).replace(tzinfo=UTC).timestamp()
    seconds = parse_http_date(f"Sunday, {date} 08:49:37 GMT", now)
    assert seconds is not None
    assert datetime.fromtimestamp(seconds, UTC).year == year


SECONDS = st.integers(0, int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()))


@given(SECONDS)
def test_formatted_date_is_parsed_to_same_time(seconds: int) -> None:
    text = http_date(seconds)
    assert text == format_date_time(seconds)
    assert parse_http_date(text, NOW) == seconds == parsedate_to_datetime(text).timestamp()
    assert parse_http_date(time.asctime(time.gmtime(seconds)), NOW) == seconds


@given(st.integers(int(NOW) - 49 * 31556952, int(NOW) + 49 * 31556952))
def test_two_digit_date_is_parsed_to_same_time(seconds: int) -> None:
    assert parse_http_date(time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(seconds)), NOW) == seconds


def test_date_before_the_epoch_is_negative() -> None:
    assert http_date(-1) == "Wed, 31 Dec 1969 23:59:59 GMT"
    assert parse_http_date("Wed, 31 Dec 1969 23:59:59 GMT", NOW) == -1
