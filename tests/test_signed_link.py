"""Who can make a link, which links are believed, and where the keys come from."""

import hashlib
import hmac
import re
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tornado_archiver.errors import BadSignatureError, LinkExpiredError, SettingsError
from tornado_archiver.links.keys import load_link_keys
from tornado_archiver.links.path import parse_hash
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings

KEY, OLD_KEY, OTHER_KEY = "a-key-of-the-service", "an-old-key-of-the-service", "a-key-of-somebody-else"
ALBUM = "3bea29ccabbbf64bdebcc055319c5745"
KEYS = LinkSigner((KEY,))

HASHES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\."), min_size=1, max_size=40
)
TIMES = st.integers(0, 999_999_999_999)


# Which links are believed


def test_the_signature_is_what_openssl_and_php_make() -> None:
    # printf '3bea29ccabbbf64bdebcc055319c5745\n1800000000' | openssl sha256 -hmac 'a-key-of-the-service'
    assert (
        KEYS.signature(ALBUM, "1800000000")
        == "21c6d94479bf2aa59f24500ea24565802173edf40ab5cfbf86c568851d117619"
    )


@given(HASHES, TIMES)
def test_a_link_opens_its_directory_until_its_time_is_over(name: str, expires: int) -> None:
    signature = KEYS.signature(name, str(expires))
    KEYS.verify(name, str(expires), signature, now=expires - 0.001)
    for now in (expires, expires + 1):
        with pytest.raises(LinkExpiredError):
            KEYS.verify(name, str(expires), signature, now)


@given(HASHES, TIMES)
def test_what_stands_in_the_link_is_what_was_signed(name: str, expires: int) -> None:
    address = urlsplit(KEYS.sign(name, expires, {"format": "tar"}))
    query = dict(parse_qsl(address.query, strict_parsing=True))
    assert query.pop("format") == "tar"
    found = parse_hash(address.path.removeprefix("/archive/"))
    assert found == name
    KEYS.verify(found, **query, now=expires - 1)


def refused(name: str, expires: str, signature: str, keys: LinkSigner = KEYS) -> None:
    """Both while the link would live and after: 410 is for who had a right one."""
    for now in (0, 10**13):
        with pytest.raises(BadSignatureError):
            keys.verify(name, expires, signature, now)


@given(st.data(), HASHES, TIMES, st.sampled_from(["name", "expires", "signature"]))
def test_one_other_character_makes_a_link_worthless(
    data: st.DataObject, name: str, expires: int, where: str
) -> None:
    parts = {"name": name, "expires": str(expires), "signature": KEYS.signature(name, str(expires))}
    text = parts[where]
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(codec="utf-8"))
    assume(character != text[place])
    parts[where] = text[:place] + character + text[place + 1 :]
    refused(parts["name"], parts["expires"], parts["signature"])


@given(HASHES, TIMES, st.text())
def test_no_text_passes_for_a_signature(name: str, expires: int, signature: str) -> None:
    refused(name, str(expires), signature)


@given(HASHES, st.text())
def test_no_text_passes_for_a_time(name: str, expires: str) -> None:
    signature = hmac.new(KEY.encode(), f"{name}\n{expires}".encode("utf-8", "replace"), "sha256").hexdigest()
    assume(not re.fullmatch(r"0|[1-9][0-9]{0,11}", expires, re.ASCII))
    refused(name, expires, signature)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "00",
            "01800000000",
            "+1800000000",
            "-1",
            "1_800_000_000",
            "1.8e9",
            "1800000000.0",
            "0x6b49d200",
        ),
        *(" 1800000000", "1800000000\n", "\N{FULLWIDTH DIGIT ONE}800000000", "1" * 13),
    ],
    ids=ascii,
)
def test_a_time_is_written_in_one_way_only(written: str) -> None:
    refused(ALBUM, written, hmac.new(KEY.encode(), f"{ALBUM}\n{written}".encode(), "sha256").hexdigest())


@pytest.mark.parametrize("signature", ["", "é" * 64, "\udcff" * 64, "x", "0" * 64, "0" * 100_000], ids=ascii)
def test_rubbish_for_a_signature_is_refused(signature: str) -> None:
    refused(ALBUM, "1800000000", signature)


def test_a_signature_in_capitals_is_refused() -> None:
    refused(ALBUM, "1800000000", KEYS.signature(ALBUM, "1800000000").upper())


def test_a_signature_of_other_make_is_refused() -> None:
    plain = hashlib.sha256(f"{KEY}{ALBUM}\n1800000000".encode()).hexdigest()
    for signature in (plain, KEYS.signature(ALBUM, "1800000000")[:32]):
        refused(ALBUM, "1800000000", signature)


def test_text_cannot_wander_from_the_hash_to_the_time() -> None:
    refused("album", "2180", KEYS.signature("album2", "180"))
    refused("album2", "180", KEYS.signature("album", "2180"))


# Several keys


def test_the_first_key_signs_and_all_are_accepted() -> None:
    both = LinkSigner((KEY, OLD_KEY))
    assert both.signature(ALBUM, "1800000000") == KEYS.signature(ALBUM, "1800000000")
    for key in (KEY, OLD_KEY):
        both.verify(ALBUM, "1800000000", LinkSigner((key,)).signature(ALBUM, "1800000000"), now=0)
    refused(ALBUM, "1800000000", LinkSigner((OTHER_KEY,)).signature(ALBUM, "1800000000"), both)


def test_a_key_that_was_taken_out_is_worth_nothing() -> None:
    refused(ALBUM, "1800000000", LinkSigner((OLD_KEY,)).signature(ALBUM, "1800000000"))


def test_every_key_is_tried_whichever_one_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    both = LinkSigner((KEY, OLD_KEY))
    signature = both.signature(ALBUM, "1800000000")
    compare = Mock(wraps=hmac.compare_digest)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    both.verify(ALBUM, "1800000000", signature, now=0)
    assert compare.call_count == 2


def test_the_keys_are_not_in_what_is_printed_of_them() -> None:
    assert KEY not in f"{KEYS} {KEYS!r} {[KEYS]}"


# Where the keys come from


def keys_of(*args: str, **environment: str) -> tuple[str, ...] | None:
    found = load_link_keys(load_settings(args, environment, None))
    return None if found is None else found.keys


def test_without_a_key_links_need_no_signature() -> None:
    assert keys_of() is None
    assert keys_of(ARCHIVER_LINK_SECRET="", ARCHIVER_LINK_SECRET_FILE="") is None
    assert load_link_keys(Settings()) is None


def test_the_keys_of_the_setting_come_before_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{OLD_KEY}\n{KEY}\n")
    found = keys_of("--link-secret-file", str(file), ARCHIVER_LINK_SECRET=f"{KEY},{OTHER_KEY}")
    assert found == (KEY, OTHER_KEY, OLD_KEY)


@pytest.mark.parametrize(
    "text",
    [
        f"{KEY}\n{OLD_KEY}",
        f"{KEY}\n\n  {OLD_KEY}\t\n \n",
        f"{KEY}\r\n{OLD_KEY}\r\n",
    ],
    ids=["no newline at the end", "blank lines", "Windows"],
)
def test_the_file_holds_a_key_on_each_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_bytes(text.encode())
    assert keys_of(ARCHIVER_LINK_SECRET_FILE=str(tmp_path / "keys")) == (KEY, OLD_KEY)


def complaint(*args: str, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        keys_of(*args, **environment)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = complaint("--link-secret-file", f"{tmp_path}/keys")
    assert told == (
        f"link-secret-file: '{tmp_path}/keys' (flag --link-secret-file) "
        "cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("content", [b"", b"\n \n"], ids=["empty", "blanks"])
def test_a_file_without_a_key_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    told = complaint(ARCHIVER_LINK_SECRET_FILE=f"{tmp_path}/keys")
    assert told.startswith(
        f"link-secret-file: '{tmp_path}/keys' (environment variable ARCHIVER_LINK_SECRET_FILE) holds no key: "
    )
    assert "openssl rand -hex 32" in told


NO_KEYS = {
    "# keys of the archive links": "begins with '#'",
    "#0123456789abcdef": "begins with '#'",
    "a passphrase for the links": "has a blank in it",
    "0123456789abcdef\tand more": "has a blank in it",
    "0123456789abcdef\xa0": "has a blank in it",
    "ARCHIVER_LINK_SECRET=0123456789abcdef": "begins with NAME=",
    "ARCHIVER_LINK_SECRET=": "begins with NAME=",
    "link-secret=0123456789abcdef": "begins with NAME=",
    "\ufeff0123456789abcdef": "begins with a byte order mark",
    "sixteen-letters\x07": "has a character in it that cannot be printed",
    "fifteen-letters": "has fewer than 16 characters",
}


@pytest.mark.parametrize("line", [1, 3])
@pytest.mark.parametrize("bad", NO_KEYS, ids=ascii)
def test_what_is_no_key_is_told_by_its_line_alone(tmp_path: Path, bad: str, line: int) -> None:
    lines = [bad, KEY] if line == 1 else [KEY, "", bad]
    (tmp_path / "keys").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert complaint("--link-secret-file", f"{tmp_path}/keys") == (
        f"link-secret-file: line {line} of '{tmp_path}/keys' (flag --link-secret-file) {NO_KEYS[bad]}: "
        "it may hold keys only, one on each line, such as openssl rand -hex 32 prints"
    )


@pytest.mark.parametrize("bad", NO_KEYS, ids=ascii)
def test_what_is_no_key_in_a_file_is_none_in_the_setting(bad: str) -> None:
    bad = bad.replace("\xa0", "\xa0x")  # blanks around a key do not count
    told = complaint(ARCHIVER_LINK_SECRET=f"{KEY},{bad}")
    assert told.startswith(
        "link-secret: the value (environment variable ARCHIVER_LINK_SECRET) is not allowed: "
    )
    for secret in (KEY, bad):
        assert secret not in told


def test_an_empty_first_line_is_refused(tmp_path: Path) -> None:
    """A CMS that reads the first line would sign with no key at all, and everybody could."""
    (tmp_path / "keys").write_text(f"\n{KEY}\n")
    assert "line 1 of " in complaint("--link-secret-file", f"{tmp_path}/keys")
    assert "is empty: it may hold keys only" in complaint("--link-secret-file", f"{tmp_path}/keys")


@pytest.mark.parametrize(
    "key", ["q83vEjRWeJCrze8SNFZ4kA==", "abcdefghijklmnopqrstuvwxyzABCDEFGHI=", "a=b+c/d#e" * 2]
)
def test_a_key_may_have_other_signs_in_it(tmp_path: Path, key: str) -> None:
    (tmp_path / "keys").write_text(f"{key}\n")
    assert keys_of("--link-secret-file", f"{tmp_path}/keys") == (key,)


@pytest.mark.parametrize("content", [b"\xff" * 20, b"a key\0 with a NUL in it"], ids=["not UTF-8", "NUL"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    assert "keys' (flag --link-secret-file) cannot be read: " in complaint(
        "--link-secret-file", f"{tmp_path}/keys"
    )


@pytest.mark.parametrize("setting", ["link-secret", "link-secret-file"])
def test_an_empty_flag_does_not_open_the_links_to_everybody(setting: str) -> None:
    told = complaint(f"--{setting}=", ARCHIVER_LINK_SECRET=KEY)
    assert told == f"{setting}: no value (flag --{setting}): give one, or leave it out"
