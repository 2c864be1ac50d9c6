"""Range headers: honoured, ignored or unsatisfiable."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_archiver.backend import ByteRange
from tornado_archiver.http.ranges import MAX_RANGES, content_range, parse_range, unsatisfied_range

WHOLE, NOTHING = None, list[tuple[int, int]]()
HUGE = "9" * 5000  # int() takes 4300 digits


def parsed(header: str | None, length: int) -> list[tuple[int, int]] | None:
    ranges = parse_range(header, length)
    return None if ranges is None else [(byte_range.start, byte_range.stop) for byte_range in ranges]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-9", [(0, 10)]),
        ("bytes=3-5", [(3, 6)]),
        ("bytes=9-9", [(9, 10)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=9-", [(9, 10)]),
        ("bytes=0-", [(0, 10)]),  # Chrome, for every <video> and every resumed download: wants a 206
        ("bytes=-1", [(9, 10)]),
        ("bytes=-5", [(5, 10)]),
        ("bytes=-10", [(0, 10)]),
        ("bytes=-11", [(0, 10)]),  # longer than the archive: all of it, still a 206
        ("bytes=0-10", [(0, 10)]),
        ("bytes=5-4294967296", [(5, 10)]),
        ("bytes=0-18446744073709551615", [(0, 10)]),  # CVE-2015-1635 (Windows, http.sys): last + 1 overflowed
        ("bytes=-9223372036854775608", [(0, 10)]),  # CVE-2017-7529 (nginx): a suffix that wrapped around
        ("bytes=007-0008", [(7, 9)]),
        pytest.param("bytes=" + "0" * 5000 + "7-8", [(7, 9)], id="thousands of leading zeros"),
        pytest.param(f"bytes=7-{HUGE}", [(7, 10)], id="huge last"),
        pytest.param(f"bytes=-{HUGE}", [(0, 10)], id="huge suffix"),
    ],
)
def test_single_range_is_parsed(header: str, expected: list[tuple[int, int]]) -> None:
    assert parsed(header, 10) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0,-1", [(0, 1), (9, 10)]),  # RFC 9110 14.1.2: the first and last bytes only
        ("bytes=5-6,0-1", [(5, 7), (0, 2)]),  # in the requested order
        ("bytes=5-6,7-8", [(5, 7), (7, 9)]),  # not coalesced
        ("bytes=1-4,3-6", [(1, 5), (3, 7)]),
        ("bytes=2-2,2-2", [(2, 3), (2, 3)]),
        ("bytes=0-4,-5", [(0, 5), (5, 10)]),
        ("bytes=1-2 , 3-4", [(1, 3), (3, 5)]),
        ("bytes=1-2\t,\t3-4\t", [(1, 3), (3, 5)]),
        ("bytes= 0-3, 5-6, -1", [(0, 4), (5, 7), (9, 10)]),  # as RFC 9110 14.1.2 prints it; erratum 7306
        ("bytes=,1-2,", [(1, 3)]),
        ("bytes=1-2,,, ,3-4", [(1, 3), (3, 5)]),
        ("bytes=" + "," * 1000 + "1-2", [(1, 3)]),
        ("bytes=20-30,1-2", [(1, 3)]),  # unsatisfiable ranges are omitted
        ("bytes=1-2,-0,10-", [(1, 3)]),
        ("bytes=0-9,20-30", [(0, 10)]),
        ("bytes=" + ",".join(f"{i}-{i}" for i in range(10)), [(i, i + 1) for i in range(10)]),
    ],
)
def test_several_ranges_are_parsed(header: str, expected: list[tuple[int, int]]) -> None:
    assert parsed(header, 10) == expected


@pytest.mark.parametrize(
    "header",
    [
        "bytes=10-",
        "bytes=10-10",
        "bytes=10-20",
        "bytes=-0",
        "bytes=-000",
        "bytes=10-,11-12,-0",
        "bytes=18446744073709551616-",  # 2**64
        pytest.param(f"bytes={HUGE}-", id="huge first"),
        pytest.param(f"bytes={HUGE}-{HUGE}", id="huge first and last"),
        # Malformed, because last < first, but such large numbers compare as equal; RFC 9110 14.2 allows it
        pytest.param(f"bytes={HUGE}-{HUGE[1:]}", id="huge and backwards"),
    ],
)
def test_unsatisfiable_range_is_empty_list(header: str) -> None:
    assert parsed(header, 10) == NOTHING


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes= ",
        "bytes=,",
        "bytes= , ,",
        "bytes=-",
        "bytes=--",
        "bytes=--1",
        "bytes=0",
        "bytes=*",
        "bytes=0-*",
        "bytes=*/10",
        "bytes=0-1-2",
        "bytes=0-1;2-3",
        "bytes=0-1 2-3",
        "bytes=5-4",
        "bytes=0-1,5-4",  # one bad range-spec spoils the set
        "bytes=0-1,x",
        "bytes=20-30,x",
        "bytes=0-1,-",
        "bytes=0 - 1",
        "bytes=0- 1",
        "bytes=- 1",
        "bytes=+0-1",
        "bytes=0-+1",
        "bytes=0_0-1",  # int() takes underscores
        "bytes=0x0-0x1",
        "bytes=0.0-1",
        "bytes=1e0-2",
        "bytes=\u0660-\u0661",  # int() and \d take any script's digits
        "bytes=\uff10-\uff11",  # fullwidth
        "bytes=\xb2-\xb3",  # str.isdigit() is true of these and int() chokes
        "bytes=0\u20131",  # an en dash, which word processors insert
        "bytes=0-1\n",  # `$` would let this through
        "bytes=0-1\x00",
        "bytes=\xa00-1",  # str.strip() takes the no-break space of Latin-1
        "bytes=\x0b0-1",
        "bytes:0-1",
        "bytes 0-1",
        "bytes 0-1/10",  # a Content-Range
        "bytes =0-1",
        "byte=0-1",
        "byte\u017f=0-1",  # a long s, which folds to an s
        "items=0-1",
        "seconds=0-1",
        "none=0-1",
        "=0-1",
        "0-1",
        "bytes=0-1,bytes=2-3",  # two header lines joined
        "bytes=0-1=",
        "bytes==0-1",
        "bytes=0-,0-",  # Apache Killer, CVE-2011-3192: more than the whole
        "bytes=0-,5-0,5-1,5-2,5-3,5-4",  # its exact form
        "bytes=0-9,0-0",
        "bytes=-10,-1",
        "bytes=0-5,5-9",
        pytest.param("bytes=" + ",".join(["0-0"] * 11), id="more than ten ranges"),
        pytest.param("bytes=" + ",".join(["20-30"] * 11), id="more than ten that do not exist"),
        pytest.param("bytes=" + "0-0," * 20_000, id="as many as fit into a header"),
        pytest.param("bytes=" + "0" * 70_000, id="a long number alone"),
    ],
)
def test_invalid_or_excessive_range_is_ignored(header: str | None) -> None:
    assert parsed(header, 10) is WHOLE


@pytest.mark.parametrize("unit", ["bytes", "Bytes", "BYTES", "bYtEs"])
def test_range_unit_is_case_insensitive(unit: str) -> None:
    assert parsed(f"{unit}=1-2", 10) == [(1, 3)]


@pytest.mark.parametrize("header", [None, "bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=1-"])
def test_range_of_empty_archive_is_ignored(header: str | None) -> None:
    assert parsed(header, 0) is WHOLE


def test_range_above_2_to_53_is_exact() -> None:
    assert parsed(f"bytes={2**53 + 1}-{2**53 + 1}", 2**60 - 1) == [
        (2**53 + 1, 2**53 + 2)
    ]  # a float is not exact


def test_max_ranges_limits_number_of_ranges() -> None:
    assert MAX_RANGES == 10
    assert parse_range("bytes=0-0,1-1", 10, max_ranges=1) is WHOLE
    assert parse_range("bytes=0-0,,", 10, max_ranges=1) == [ByteRange(0, 1)]


def test_content_range_examples_of_rfc() -> None:
    # RFC 9110 14.4: the examples
    assert content_range(ByteRange(42, 1234), 1234) == "bytes 42-1233/1234"
    assert content_range(ByteRange(0, 500), 1234) == "bytes 0-499/1234"
    assert content_range(ByteRange(1234 - 500, 1234), 1234) == "bytes 734-1233/1234"
    assert unsatisfied_range(1234) == "bytes */1234"


@pytest.mark.parametrize("length", range(1, 13))
def test_content_range_of_parsed_range_is_the_same_range(length: int) -> None:
    for start in range(length):
        for stop in range(start + 1, length + 1):
            byte_range = ByteRange(start, stop)
            assert byte_range.length == stop - start
            assert parse_range(f"bytes={start}-{stop - 1}", length) == [byte_range]
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", content_range(byte_range, length))
            assert match is not None
            assert [int(number) for number in match.groups()] == [start, stop - 1, length]
        assert parsed(f"bytes={start}-", length) == [(start, length)]
        assert parsed(f"bytes=-{length - start}", length) == [(start, length)]


Spec = tuple[int | None, int | None]
NUMBERS = st.integers(0, 40) | st.integers(0, 10**25)
SPECS: st.SearchStrategy[Spec] = (
    st.tuples(NUMBERS, st.none())
    | st.tuples(st.none(), NUMBERS)
    | st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair)))
)


def format_spec(spec: Spec) -> str:
    return "-".join("" if number is None else str(number) for number in spec)


def positions(spec: Spec, length: int) -> list[int]:
    """Return the positions that the text of RFC 9110 14.1.2 selects, without arithmetic on bounds."""
    first, last = spec
    if first is None:
        assert last is not None
        return [byte for byte in range(length) if length - byte <= last]
    return [byte for byte in range(length) if first <= byte and (last is None or byte <= last)]


@given(
    st.lists(SPECS, min_size=1, max_size=MAX_RANGES),
    st.integers(1, 30),
    st.sampled_from([",", ", ", " , ", ",,", "\t,"]),
)
def test_parsed_ranges_select_the_bytes_of_the_rfc_text(specs: list[Spec], length: int, comma: str) -> None:
    selected = [bytes_ for spec in specs if (bytes_ := positions(spec, length))]
    ranges = parse_range("bytes=" + comma.join(map(format_spec, specs)), length)
    if sum(map(len, selected)) > length:
        assert ranges is WHOLE
    else:
        assert ranges is not None
        assert [list(range(byte_range.start, byte_range.stop)) for byte_range in ranges] == selected


@given(
    st.text() | st.text("0123456789-, \t=") | st.from_regex(r"bytes=[0-9 ,-]*", fullmatch=True),
    st.integers(0, 10**19),
    st.booleans(),
)
def test_any_text_yields_ranges_within_length_or_none(text: str, length: int, with_unit: bool) -> None:
    ranges = parse_range("bytes=" + text if with_unit else text, length)
    for byte_range in ranges or []:
        assert 0 <= byte_range.start < byte_range.stop <= length
    assert sum(byte_range.length for byte_range in ranges or []) <= length
    assert len(ranges or []) <= MAX_RANGES
