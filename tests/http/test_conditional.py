"""Preconditions, entity tags and If-Range (RFC 9110 13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.timestamps import AFTER, BEFORE, MODIFIED, NOW, SECOND
from tornado_archiver.http.conditional import (
    PreconditionResult,
    Validators,
    evaluate_preconditions,
    if_range_matches,
)

FULL = Validators(etag="abc", last_modified=SECOND)
TAG_ONLY = Validators(etag="abc")
DATE_ONLY = Validators(last_modified=SECOND)
BARE = Validators()

PROCEED, NOT_MODIFIED, FAILED = (
    PreconditionResult.PROCEED,
    PreconditionResult.NOT_MODIFIED,
    PreconditionResult.PRECONDITION_FAILED,
)


@pytest.mark.parametrize(
    ("field", "strong", "weak"),
    [
        # RFC 9110 8.8.3.2, table 3
        ('"abc"', True, True),
        ('W/"abc"', False, True),
        ('"abd"', False, False),
        ('W/"abd"', False, False),
        ("*", True, True),
        (" *\t", True, True),
        ('"x", "abc"', True, True),
        ('"abc", "x"', True, True),
        ('"x","abc","y"', True, True),
        ('"x"\t,\t"abc"', True, True),
        ('W/"x", "abc"', True, True),
        ('W/"abc", "x"', False, True),
        ('W/"abc", "abc"', True, True),
        (',, "x",, ,"abc",', True, True),  # RFC 9110 5.6.1.2: empty elements
        ('"a,b", "abc"', True, True),
        ('",", "abc"', True, True),
        ('",abc,"', False, False),  # one tag that looks like three
        ('"x,abc"', False, False),
        ('"x, "abc"', True, True),  # a tag contains no space, so the first is invalid
        ('""', False, False),
        ("abc", False, False),  # unquoted, as sent by old clients and by shells
        ("'abc'", False, False),
        ('"abc', False, False),
        ('abc"', False, False),
        ('"abc""x"', False, False),
        ('x"abc"', False, False),
        ('"abc"x', False, False),
        ('"x" "abc"', False, False),
        ('"x"; "abc"', False, False),
        ('w/"abc"', False, False),  # RFC 9110 8.8.3: "W/" is case-sensitive
        ('W"abc"', False, False),
        ('W/ "abc"', False, False),
        ("W/abc", False, False),
        ('"ABC"', False, False),
        ('"abc "', False, False),
        ('"a\\bc"', False, False),  # no unescaping since RFC 7232
        ('"abc-gzip"', False, False),  # Apache marks bodies from mod_deflate; no proxy compresses ours
        ('"abc"\n', False, False),  # `$` would let this through
        ('"*"', False, False),
        ("**", False, False),
        ('*, "x"', False, False),  # not a list in the grammar
        ('garbage, "abc", more garbage', True, True),
        ('\xff\x00, "abc"', True, True),
        ("", False, False),
        (",", False, False),
        pytest.param("," * 60_000 + '"abc"', True, True, id="commas"),
        pytest.param('"' * 60_000, False, False, id="quotes"),
        pytest.param(',"' * 30_000, False, False, id="commas and quotes"),
        pytest.param(" " * 60_000 + "x", False, False, id="blanks"),
        pytest.param('"x",' * 15_000 + '"abc"', True, True, id="tags"),
    ],
)
def test_list_of_entity_tags_matches(field: str, strong: bool, weak: bool) -> None:
    assert evaluate_preconditions({"If-Match": field}, FULL, NOW) is (PROCEED if strong else FAILED)
    assert evaluate_preconditions({"If-None-Match": field}, FULL, NOW) is (NOT_MODIFIED if weak else PROCEED)


@pytest.mark.parametrize("tag", ["", "!", ",", "W/", "a,b", "#$%&'()*+-./:;<=>?@[\\]^_`{|}~", "\x80\xe9\xff"])
def test_tag_of_any_legal_character_matches(tag: str) -> None:
    for field in (f'"{tag}"', f'"x", "{tag}"', f'"{tag}", "x"', f'"x","{tag}","y"'):
        assert evaluate_preconditions({"If-Match": field}, Validators(tag), NOW) is PROCEED
        assert evaluate_preconditions({"If-None-Match": field}, Validators(tag), NOW) is NOT_MODIFIED
    assert evaluate_preconditions({"If-Match": f'W/"{tag}"'}, Validators(tag), NOW) is FAILED
    assert if_range_matches(f'"{tag}"', Validators(tag), NOW)


@pytest.mark.parametrize(
    ("field", "modified_since", "unmodified_since"),
    [
        (BEFORE, PROCEED, FAILED),
        (MODIFIED, NOT_MODIFIED, PROCEED),
        (AFTER, NOT_MODIFIED, PROCEED),
        (f" {MODIFIED}\t", NOT_MODIFIED, PROCEED),
        ("Sunday, 06-Nov-94 08:49:36 GMT", PROCEED, FAILED),
        ("Sunday, 06-Nov-94 08:49:37 GMT", NOT_MODIFIED, PROCEED),
        ("Sun Nov  6 08:49:36 1994", PROCEED, FAILED),
        ("Sun Nov  6 08:49:37 1994", NOT_MODIFIED, PROCEED),
        # In the future: RFC 2616 14.25 called it invalid, RFC 9110 13.1.3 does not
        ("Wed, 01 Jan 2098 00:00:00 GMT", NOT_MODIFIED, PROCEED),
        # Not a single valid HTTP-date: ignored
        ("", PROCEED, PROCEED),
        ("0", PROCEED, PROCEED),
        ("784111777", PROCEED, PROCEED),
        ("yesterday", PROCEED, PROCEED),
        ('"abc"', PROCEED, PROCEED),
        ("*", PROCEED, PROCEED),
        (f"{MODIFIED}, {MODIFIED}", PROCEED, PROCEED),  # two lines joined
        (f"{BEFORE}, {BEFORE}", PROCEED, PROCEED),
        (f"{MODIFIED}; length=1024", PROCEED, PROCEED),  # Netscape sent this
        (f"{BEFORE}; length=1024", PROCEED, PROCEED),
    ],
)
def test_modification_dates_are_compared(
    field: str, modified_since: PreconditionResult, unmodified_since: PreconditionResult
) -> None:
    for validators in (FULL, DATE_ONLY):
        assert evaluate_preconditions({"If-Modified-Since": field}, validators, NOW) is modified_since
        assert evaluate_preconditions({"If-Unmodified-Since": field}, validators, NOW) is unmodified_since
    # RFC 9110 13.1.3, 13.1.4: ignored where no modification date is available
    for validators in (TAG_ONLY, BARE):
        assert evaluate_preconditions({"If-Modified-Since": field}, validators, NOW) is PROCEED
        assert evaluate_preconditions({"If-Unmodified-Since": field}, validators, NOW) is PROCEED


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, PROCEED),
        ({"Range": "bytes=0-1", "If-Range": '"x"'}, PROCEED),
        # Step 1 before all else
        ({"If-Match": '"x"', "If-None-Match": '"abc"'}, FAILED),
        ({"If-Match": '"x"', "If-Modified-Since": AFTER}, FAILED),
        ({"If-Match": '"abc"', "If-None-Match": '"abc"'}, NOT_MODIFIED),
        ({"If-Match": '"abc"', "If-None-Match": '"x"'}, PROCEED),
        ({"If-Match": '"abc"', "If-Modified-Since": MODIFIED}, NOT_MODIFIED),
        ({"If-Match": '"abc"', "If-Modified-Since": BEFORE}, PROCEED),
        ({"If-Match": "*", "If-None-Match": "*"}, NOT_MODIFIED),
        # Step 2 only without If-Match
        ({"If-Match": '"abc"', "If-Unmodified-Since": BEFORE}, PROCEED),
        ({"If-Match": '"x"', "If-Unmodified-Since": AFTER}, FAILED),
        ({"If-Match": "", "If-Unmodified-Since": AFTER}, FAILED),  # present, without a tag
        ({"If-Unmodified-Since": BEFORE, "If-None-Match": '"abc"'}, FAILED),
        ({"If-Unmodified-Since": MODIFIED, "If-None-Match": '"abc"'}, NOT_MODIFIED),
        ({"If-Unmodified-Since": BEFORE, "If-Modified-Since": AFTER}, FAILED),
        ({"If-Unmodified-Since": MODIFIED, "If-Modified-Since": MODIFIED}, NOT_MODIFIED),
        ({"If-Unmodified-Since": "rubbish", "If-None-Match": '"x"'}, PROCEED),
        # Step 4 only without If-None-Match
        ({"If-None-Match": '"x"', "If-Modified-Since": AFTER}, PROCEED),
        ({"If-None-Match": "", "If-Modified-Since": AFTER}, PROCEED),
        ({"If-None-Match": '"abc"', "If-Modified-Since": BEFORE}, NOT_MODIFIED),
        ({"If-None-Match": 'W/"abc"', "If-Modified-Since": "rubbish"}, NOT_MODIFIED),
    ],
)
def test_preconditions_are_evaluated_in_rfc_order(
    headers: dict[str, str], expected: PreconditionResult
) -> None:
    assert evaluate_preconditions(headers, FULL, NOW) is expected


@pytest.mark.parametrize("validators", [BARE, DATE_ONLY])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, PROCEED),
        ({"If-Match": "*"}, PROCEED),  # an archive exists, although its bytes can differ
        ({"If-Match": '"abc"'}, FAILED),
        ({"If-Match": '""'}, FAILED),
        ({"If-Match": "None"}, FAILED),
        ({"If-Match": '"None"'}, FAILED),
        ({"If-None-Match": "*"}, NOT_MODIFIED),
        ({"If-None-Match": '"abc"'}, PROCEED),
        ({"If-None-Match": '""'}, PROCEED),
        ({"If-None-Match": '"None"'}, PROCEED),
        ({"If-None-Match": '"abc"', "If-Modified-Since": AFTER}, PROCEED),
    ],
)
def test_preconditions_without_entity_tag(
    headers: dict[str, str], expected: PreconditionResult, validators: Validators
) -> None:
    assert evaluate_preconditions(headers, validators, NOW) is expected


@pytest.mark.parametrize(
    ("if_range", "validators", "expected"),
    [
        (None, FULL, True),
        (None, BARE, True),
        ('"abc"', FULL, True),
        ('"abc"', TAG_ONLY, True),
        (' "abc"\t', FULL, True),
        ('"abd"', FULL, False),
        ('W/"abc"', FULL, False),  # weak: never
        ('"abc"', BARE, False),
        ('"None"', BARE, False),
        ('""', BARE, False),
        ('""', FULL, False),
        ("", FULL, False),
        ("abc", FULL, False),
        ('"abc', FULL, False),
        ('"abc", "abc"', FULL, False),  # If-Range is not a list
        ('"x", "abc"', FULL, False),
        ("*", FULL, False),
        # A date matches only if it is equal
        (MODIFIED, FULL, True),
        (MODIFIED, DATE_ONLY, True),
        (MODIFIED, TAG_ONLY, False),
        (AFTER, FULL, False),
        ("rubbish", FULL, False),
    ],
)
def test_if_range_matches_only_strong_tag_or_equal_date(
    if_range: str | None, validators: Validators, expected: bool
) -> None:
    assert if_range_matches(if_range, validators, NOW) is expected


@given(
    st.dictionaries(
        st.sampled_from(["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"]),
        st.text()
        | st.text('W/"abc,* \t')
        | st.sampled_from(['"abc"', 'W/"abc"', "*", BEFORE, MODIFIED, AFTER]),
    )
)
def test_any_text_has_a_result(headers: dict[str, str]) -> None:
    for validators in (FULL, TAG_ONLY, DATE_ONLY, BARE):
        result = evaluate_preconditions(headers, validators, NOW)
        assert result is not FAILED or {"If-Match", "If-Unmodified-Since"} & headers.keys()
        assert result is not NOT_MODIFIED or {"If-None-Match", "If-Modified-Since"} & headers.keys()
        for text in headers.values():
            is_tag = text.strip(" \t") == '"abc"' == f'"{validators.etag}"'
            is_date = text == MODIFIED and validators.last_modified is not None
            assert if_range_matches(text, validators, NOW) is (is_tag or is_date)


ETAGC = st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f')


@given(st.lists(st.tuples(st.booleans(), st.text(ETAGC)), min_size=1), st.data())
def test_every_tag_of_a_list_matches(tags: list[tuple[bool, str]], data: st.DataObject) -> None:
    commas = st.sampled_from([",", ", ", " ,", ",,", ", ,"])
    field = "".join(("W/" if weak else "") + f'"{tag}"' + data.draw(commas) for weak, tag in tags)
    etag = data.draw(st.sampled_from([tag for _, tag in tags]) | st.text(ETAGC))
    is_weak, is_strong = etag in [tag for _, tag in tags], (False, etag) in tags
    assert evaluate_preconditions({"If-None-Match": field}, Validators(etag), NOW) is (
        NOT_MODIFIED if is_weak else PROCEED
    )
    assert evaluate_preconditions({"If-Match": field}, Validators(etag), NOW) is (
        PROCEED if is_strong else FAILED
    )
