"""The parsers of untrusted input, with generated input."""

from ipaddress import ip_address, ip_network
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import vocabulary
from tornado_archiver.http.forwarded import client_host, client_key
from tornado_archiver.links.path import parse_hash
from tornado_archiver.sources.member_names import MAX_NAME_BYTES
from tornado_archiver.web.pages import prefers_html

PROXIES = [ip_network("127.0.0.0/8"), ip_network("::1"), ip_network("10.0.0.0/8")]
STEPS = [
    *vocabulary.UPS,
    *vocabulary.SLASHES,
    *vocabulary.SECRET_PATHS,
    *vocabulary.TAILS,
    *vocabulary.ALBUMS,
]
AS_SENT = st.text(st.characters(max_codepoint=255)) | st.lists(st.sampled_from(STEPS)).map("".join)
ADDRESSES = st.ip_addresses().map(str) | st.sampled_from(
    ["127.0.0.1", "::1", "10.1.2.3", *vocabulary.ADDRESSES]
)


@given(AS_SENT)
def test_parsed_path_is_a_plain_name_or_none(path: str) -> None:
    name = parse_hash(path)
    assert name is None or is_plain(name)


def is_plain(name: str) -> bool:
    harmless = name.isprintable() and not set(name) & set("/\\\0") and not name.startswith(".")
    return harmless and 0 < len(name.encode()) <= MAX_NAME_BYTES


@given(st.text(min_size=1, max_size=60).filter(is_plain))
def test_every_plain_name_has_a_path(name: str) -> None:
    assert parse_hash(f"{quote(name, safe='')}/") == name
    assert parse_hash(name.encode().decode("latin-1").replace("%", "%25")) == name


@given(ADDRESSES, st.lists(ADDRESSES | st.text(max_size=20), max_size=6).map(", ".join))
def test_client_from_any_forwarded_header_is_an_address(peer: str, forwarded_for: str) -> None:
    client = client_host(peer, forwarded_for, PROXIES)
    assert client == peer or (ip_address(client) and "%" not in client)
    assert client_key(client) == client_key(client_key(client).partition("/")[0])


@given(st.lists(st.sampled_from(vocabulary.ACCEPTS) | st.text(max_size=30), max_size=3).map(",".join))
def test_any_accept_header_is_accepted(accept: str) -> None:
    assert prefers_html(accept) in (True, False)
