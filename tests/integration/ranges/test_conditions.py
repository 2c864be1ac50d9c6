"""Archives that are still good, and those that are not: conditions, and what HEAD makes of a range."""

from email.utils import formatdate, parsedate_to_datetime

import pytest

from tests.helpers.raw_clients import Answer
from tests.integration.ranges.album import get, head_of

pytestmark = pytest.mark.gen_test(timeout=30)

DAY_S = 86_400


# In the tables below {etag} and {date} are the archive's own, {later} and {earlier} a day off.


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ("{etag}", 206),
        ('"other"', 200),
        ("W/{etag}", 200),
        ("{etag}, {etag}", 200),
        ("*", 200),
        ("", 200),
        ("{date}", 206),
        ("{earlier}", 200),
        ("{later}", 200),
        ("tomorrow", 200),
    ],
)
async def test_range_with_if_range_is_sent_for_a_matching_validator(
    base_url: str, whole: bytes, if_range: str, status: int
) -> None:
    field = await filled_in(base_url, f"If-Range: {if_range}\r\n")
    answer = await get(base_url, field + "Range: bytes=1000-1999\r\n")
    assert (answer.status, answer.body) == (status, whole if status == 200 else whole[1000:2000])


@pytest.mark.usefixtures("http_server")
async def test_if_range_without_range_is_ignored(base_url: str, whole: bytes) -> None:
    answer = await get(base_url, await filled_in(base_url, "If-Range: {etag}\r\n"))
    assert (answer.status, answer.body == whole) == (200, True)


CONDITIONS = {
    "If-None-Match: {etag}": 304,
    "If-None-Match: W/{etag}": 304,
    'If-None-Match: "a", {etag}': 304,
    "If-None-Match: *": 304,
    'If-None-Match: "other"': 200,
    "If-Modified-Since: {date}": 304,
    "If-Modified-Since: {later}": 304,
    "If-Modified-Since: {earlier}": 200,
    "If-Modified-Since: yesterday": 200,
    "If-Match: {etag}": 200,
    "If-Match: *": 200,
    'If-Match: "other"': 412,
    "If-Match: W/{etag}": 412,
    "If-Unmodified-Since: {date}": 200,
    "If-Unmodified-Since: {earlier}": 412,
    # RFC 9110 13.2.2, which of two counts
    'If-Match: "other"\r\nIf-None-Match: {etag}': 412,
    "If-Match: {etag}\r\nIf-None-Match: {etag}": 304,
    "If-Match: {etag}\r\nIf-Unmodified-Since: {earlier}": 200,
    'If-Match: "other"\r\nIf-Unmodified-Since: {date}': 412,
    "If-Unmodified-Since: {earlier}\r\nIf-None-Match: {etag}": 412,
    'If-None-Match: "other"\r\nIf-Modified-Since: {date}': 200,
    "If-None-Match: {etag}\r\nIf-Modified-Since: {earlier}": 304,
}


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("condition", CONDITIONS)
async def test_precondition_returns_the_status(base_url: str, whole: bytes, condition: str) -> None:
    """HEAD and GET alike; a range is looked at only when the conditions hold."""
    status, fields = CONDITIONS[condition], await filled_in(base_url, condition + "\r\n")
    answer = await get(base_url, fields)
    assert answer.status == status
    assert_body_fits(answer, whole)
    head = await get(base_url, fields, method="HEAD")
    assert (head.status, head.headers, head.body) == (status, answer.headers, b"")
    for range_set, with_range in (("5-9", 206), ("99999999-", 416)):
        part = await get(base_url, f"{fields}Range: bytes={range_set}\r\n")
        assert part.status == (with_range if status == 200 else status)


def assert_body_fits(answer: Answer, whole: bytes) -> None:
    head = head_of(answer)
    if answer.status == 200:
        assert answer.body == whole
    else:
        assert whole[:4] not in answer.body
    if answer.status == 304:
        assert answer.body == b""
        assert {"Etag", "Last-Modified", "Cache-Control"} <= head.keys(), "what the 200 would have had"
        assert not {"Content-Length", "Content-Type", "Transfer-Encoding"} & head.keys()
    else:
        assert head["Content-Length"] == str(len(answer.body))


async def filled_in(base_url: str, fields: str) -> str:
    head = head_of(await get(base_url, method="HEAD"))
    changed_s = parsedate_to_datetime(head["Last-Modified"]).timestamp()
    return fields.format(
        etag=head["Etag"],
        date=head["Last-Modified"],
        earlier=formatdate(changed_s - DAY_S, usegmt=True),
        later=formatdate(changed_s + DAY_S, usegmt=True),
    )


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("wanted", ["0-0", "99999999-", "0-0,2-2"])
async def test_head_ignores_ranges(base_url: str, whole: bytes, wanted: str) -> None:
    plain = await get(base_url, method="HEAD")
    assert (plain.status, head_of(plain)["Content-Length"], plain.body) == (200, str(len(whole)), b"")
    assert plain.headers == (await get(base_url)).headers
    assert await get(base_url, f"Range: bytes={wanted}\r\n", method="HEAD") == plain
