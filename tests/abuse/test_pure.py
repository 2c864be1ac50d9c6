"""The functions that read what strangers write, with whatever Hypothesis makes of it."""

from ipaddress import ip_address, ip_network
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from tests.abuse import words
from tornado_archiver.http.forwarded import client_host, client_key
from tornado_archiver.links.path import MAX_HASH_BYTES, parse_hash
from tornado_archiver.web.pages import prefers_html

PROXIES = [ip_network("127.0.0.0/8"), ip_network("::1"), ip_network("10.0.0.0/8")]
STEPS = [*words.UPS, *words.SLASHES, *words.TRAPS, *words.TAILS, *words.ALBUMS]
AS_SENT = st.text(st.characters(max_codepoint=255)) | st.lists(st.sampled_from(STEPS)).map("".join)
ADDRESSES = st.ip_addresses().map(str) | st.sampled_from(["127.0.0.1", "::1", "10.1.2.3", *words.ADDRESSES])


@given(AS_SENT)
def test_whatever_a_path_says_it_names_a_directory_or_nothing(path: str) -> None:
    name = parse_hash(path)
    assert name is None or is_plain(name)


def is_plain(name: str) -> bool:
    harmless = name.isprintable() and not set(name) & set("/\\\0") and not name.startswith(".")
    return harmless and 0 < len(name.encode()) <= MAX_HASH_BYTES


@given(st.text(min_size=1, max_size=60).filter(is_plain))
def test_every_plain_name_can_be_asked_for(name: str) -> None:
    assert parse_hash(f"{quote(name, safe='')}/") == name
    assert parse_hash(name.encode().decode("latin-1").replace("%", "%25")) == name


@given(ADDRESSES, st.lists(ADDRESSES | st.text(max_size=20), max_size=6).map(", ".join))
def test_whatever_a_proxy_says_the_client_is_an_address(peer: str, forwarded_for: str) -> None:
    client = client_host(peer, forwarded_for, PROXIES)
    assert client == peer or (ip_address(client) and "%" not in client)
    assert client_key(client) == client_key(client_key(client).partition("/")[0])


@given(st.lists(st.sampled_from(words.ACCEPTS) | st.text(max_size=30), max_size=3).map(",".join))
def test_any_accept_header_has_an_answer(accept: str) -> None:
    assert prefers_html(accept) in (True, False)
