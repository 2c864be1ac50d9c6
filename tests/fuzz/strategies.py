"""Requests that Hypothesis generates, and shrinks if one fails."""

from hypothesis import strategies as st

from tests.fuzz import vocabulary
from tests.fuzz.mutations import Request
from tests.fuzz.response_checks import CANARY

_ANY_TEXT = st.text(st.characters(max_codepoint=255), max_size=40)
_VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
_PERCENT = st.builds("%{:02x}".format, st.integers(0, 255))
_STEP = (
    st.sampled_from(
        [
            *vocabulary.UPS,
            *vocabulary.SLASHES,
            *vocabulary.ALBUMS,
            *vocabulary.SECRET_PATHS,
            *vocabulary.PLACES,
        ]
    )
    | _PERCENT
    | _VISIBLE
)


def _targets(links: list[str]) -> st.SearchStrategy[str]:
    paths = st.lists(_STEP, max_size=6).map("".join)
    queries = st.sampled_from(vocabulary.QUERIES) | _VISIBLE
    return st.one_of(
        st.sampled_from(links),
        st.builds("/archive/{}".format, paths),
        st.builds("{}{}{}".format, st.sampled_from(links), st.sampled_from("&?;#/"), queries),
        st.sampled_from(vocabulary.TARGETS) | _ANY_TEXT,
    )


def _named(name: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(name), st.sampled_from(vocabulary.HEADERS[name]) | _VISIBLE | _ANY_TEXT)


_RANGE_SPEC = st.from_regex(r"[0-9]{0,25}-[0-9]{0,25}", fullmatch=True)
_RANGE = st.lists(_RANGE_SPEC, max_size=12).map(lambda specs: ("Range", "bytes=" + ",".join(specs)))
_HEADER = st.one_of(
    _RANGE,
    st.sampled_from(list(vocabulary.HEADERS)).flatmap(_named),
    st.tuples(_VISIBLE, _VISIBLE),
)


def requests(links: list[str]) -> st.SearchStrategy[bytes]:
    """Generate requests; `links` return the albums."""
    built = st.builds(
        Request,
        method=st.sampled_from(["GET"] * 5 + vocabulary.METHODS) | _VISIBLE,
        target=_targets(links),
        version=st.sampled_from(["HTTP/1.1"] * 5 + vocabulary.VERSIONS) | _VISIBLE,
        headers=st.lists(_HEADER, max_size=5).map(lambda headers: [("Host", f"{CANARY}.test"), *headers]),
        body=st.just(b"") | st.sampled_from(vocabulary.BODIES) | st.binary(max_size=50),
        end=st.sampled_from(["\r\n"] * 5 + vocabulary.ENDS),
    )
    return built.map(Request.sent) | st.binary(max_size=200)
