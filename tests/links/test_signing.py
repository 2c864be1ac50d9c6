"""Signed links: valid, invalid and expired signatures, key rotation, and keys from settings and files."""

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

KEY, OLD_KEY, OTHER_KEY = "a-key-of-the-service", "an-old-key-of-the-service", "a-key-of-another-service"
ALBUM = "3bea29ccabbbf64bdebcc055319c5745"
KEYS = LinkSigner((KEY,))

HASHES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\."), min_size=1, max_size=40
)
TIMES = st.integers(0, 999_999_999_999)


# Signatures


def test_signature_equals_that_of_openssl() -> None:
    # printf '3bea29ccabbbf64bdebcc055319c5745\n1800000000' | openssl sha256 -hmac 'a-key-of-the-service'
    assert (
        KEYS.signature(ALBUM, "1800000000")
        == "21c6d94479bf2aa59f24500ea24565802173edf40ab5cfbf86c568851d117619"
    )


@given(HASHES, TIMES)
def test_link_is_valid_until_it_expires(name: str, expires: int) -> None:
    signature = KEYS.signature(name, str(expires))
    KEYS.verify(name, str(expires), signature, now=expires - 0.001)
    for now in (expires, expires + 1):
        with pytest.raises(LinkExpiredError):
            KEYS.verify(name, str(expires), signature, now)


@given(HASHES, TIMES)
def test_link_contains_hash_expires_and_signature(name: str, expires: int) -> None:
    address = urlsplit(KEYS.sign(name, expires, {"format": "tar"}))
    query = dict(parse_qsl(address.query, strict_parsing=True))
    assert query.pop("format") == "tar"
    parsed_hash = parse_hash(address.path.removeprefix("/archive/"))
    assert parsed_hash == name
    KEYS.verify(parsed_hash, **query, now=expires - 1)


def assert_bad_signature(name: str, expires: str, signature: str, keys: LinkSigner = KEYS) -> None:
    """Verify before and after `expires`, because a 410 requires a valid signature."""
    for now in (0, 10**13):
        with pytest.raises(BadSignatureError):
            keys.verify(name, expires, signature, now)


@given(st.data(), HASHES, TIMES, st.sampled_from(["name", "expires", "signature"]))
def test_changed_character_invalidates_link(data: st.DataObject, name: str, expires: int, where: str) -> None:
    parts = {"name": name, "expires": str(expires), "signature": KEYS.signature(name, str(expires))}
    text = parts[where]
    index = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(codec="utf-8"))
    assume(character != text[index])
    parts[where] = text[:index] + character + text[index + 1 :]
    assert_bad_signature(parts["name"], parts["expires"], parts["signature"])


@given(HASHES, TIMES, st.text())
def test_random_signature_is_rejected(name: str, expires: int, signature: str) -> None:
    assert_bad_signature(name, str(expires), signature)


@given(HASHES, st.text())
def test_signed_text_that_is_not_a_time_is_rejected(name: str, expires: str) -> None:
    signature = hmac.new(KEY.encode(), f"{name}\n{expires}".encode("utf-8", "replace"), "sha256").hexdigest()
    assume(not re.fullmatch(r"0|[1-9][0-9]{0,11}", expires, re.ASCII))
    assert_bad_signature(name, expires, signature)


@pytest.mark.parametrize(
    "text",
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
def test_other_spelling_of_time_is_rejected(text: str) -> None:
    assert_bad_signature(
        ALBUM, text, hmac.new(KEY.encode(), f"{ALBUM}\n{text}".encode(), "sha256").hexdigest()
    )


@pytest.mark.parametrize("signature", ["", "é" * 64, "\udcff" * 64, "x", "0" * 64, "0" * 100_000], ids=ascii)
def test_malformed_signature_is_rejected(signature: str) -> None:
    assert_bad_signature(ALBUM, "1800000000", signature)


def test_uppercase_signature_is_rejected() -> None:
    assert_bad_signature(ALBUM, "1800000000", KEYS.signature(ALBUM, "1800000000").upper())


def test_plain_hash_and_truncated_signature_are_rejected() -> None:
    plain = hashlib.sha256(f"{KEY}{ALBUM}\n1800000000".encode()).hexdigest()
    for signature in (plain, KEYS.signature(ALBUM, "1800000000")[:32]):
        assert_bad_signature(ALBUM, "1800000000", signature)


def test_moving_digits_between_hash_and_time_is_rejected() -> None:
    assert_bad_signature("album", "2180", KEYS.signature("album2", "180"))
    assert_bad_signature("album2", "180", KEYS.signature("album", "2180"))


# Several keys


def test_first_key_signs_and_all_keys_verify() -> None:
    both = LinkSigner((KEY, OLD_KEY))
    assert both.signature(ALBUM, "1800000000") == KEYS.signature(ALBUM, "1800000000")
    for key in (KEY, OLD_KEY):
        both.verify(ALBUM, "1800000000", LinkSigner((key,)).signature(ALBUM, "1800000000"), now=0)
    assert_bad_signature(ALBUM, "1800000000", LinkSigner((OTHER_KEY,)).signature(ALBUM, "1800000000"), both)


def test_removed_key_is_rejected() -> None:
    assert_bad_signature(ALBUM, "1800000000", LinkSigner((OLD_KEY,)).signature(ALBUM, "1800000000"))


def test_all_keys_are_compared_after_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    both = LinkSigner((KEY, OLD_KEY))
    signature = both.signature(ALBUM, "1800000000")
    compare = Mock(wraps=hmac.compare_digest)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    both.verify(ALBUM, "1800000000", signature, now=0)
    assert compare.call_count == 2


def test_repr_does_not_contain_keys() -> None:
    assert KEY not in f"{KEYS} {KEYS!r} {[KEYS]}"


# Loading keys


def load_keys(*args: str, **environment: str) -> tuple[str, ...] | None:
    signer = load_link_keys(load_settings(args, environment, None))
    return None if signer is None else signer.keys


def test_signed_links_are_off_without_keys() -> None:
    assert load_keys() is None
    assert load_keys(ARCHIVER_LINK_SECRET="", ARCHIVER_LINK_SECRET_FILE="") is None
    assert load_link_keys(Settings()) is None


def test_keys_of_setting_precede_keys_of_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{OLD_KEY}\n{KEY}\n")
    keys = load_keys("--link-secret-file", str(file), ARCHIVER_LINK_SECRET=f"{KEY},{OTHER_KEY}")
    assert keys == (KEY, OTHER_KEY, OLD_KEY)


@pytest.mark.parametrize(
    "text",
    [
        f"{KEY}\n{OLD_KEY}",
        f"{KEY}\n\n  {OLD_KEY}\t\n \n",
        f"{KEY}\r\n{OLD_KEY}\r\n",
    ],
    ids=["no newline at the end", "blank lines", "Windows"],
)
def test_key_file_has_one_key_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_bytes(text.encode())
    assert load_keys(ARCHIVER_LINK_SECRET_FILE=str(tmp_path / "keys")) == (KEY, OLD_KEY)


def error_text(*args: str, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_keys(*args, **environment)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_missing_key_file_raises_error(tmp_path: Path) -> None:
    message = error_text("--link-secret-file", f"{tmp_path}/keys")
    assert message == (
        f"link-secret-file: '{tmp_path}/keys' (flag --link-secret-file) "
        "cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("content", [b"", b"\n \n"], ids=["empty", "blanks"])
def test_key_file_without_keys_raises_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    message = error_text(ARCHIVER_LINK_SECRET_FILE=f"{tmp_path}/keys")
    origin = "environment variable ARCHIVER_LINK_SECRET_FILE"
    assert message.startswith(f"link-secret-file: '{tmp_path}/keys' ({origin}) contains no key; ")
    assert "openssl rand -hex 32" in message


BAD_KEYS = {
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
@pytest.mark.parametrize("bad", BAD_KEYS, ids=ascii)
def test_invalid_key_in_file_is_reported_by_line_number(tmp_path: Path, bad: str, line: int) -> None:
    lines = [bad, KEY] if line == 1 else [KEY, "", bad]
    (tmp_path / "keys").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert error_text("--link-secret-file", f"{tmp_path}/keys") == (
        f"link-secret-file: line {line} of '{tmp_path}/keys' (flag --link-secret-file) {BAD_KEYS[bad]}; "
        "write one key a line and nothing else; create a key with openssl rand -hex 32"
    )


@pytest.mark.parametrize("bad", BAD_KEYS, ids=ascii)
def test_invalid_key_in_setting_is_rejected_without_showing_it(bad: str) -> None:
    bad = bad.replace("\xa0", "\xa0x")  # because blanks around a key are stripped
    message = error_text(ARCHIVER_LINK_SECRET=f"{KEY},{bad}")
    assert message.startswith(
        "link-secret: the value (environment variable ARCHIVER_LINK_SECRET) is not allowed: "
    )
    for secret in (KEY, bad):
        assert secret not in message


def test_empty_first_line_raises_error(tmp_path: Path) -> None:
    """A CMS that reads the first line would sign with an empty key, which anyone can guess."""
    (tmp_path / "keys").write_text(f"\n{KEY}\n")
    assert "line 1 of " in error_text("--link-secret-file", f"{tmp_path}/keys")
    assert "is empty; write one key a line" in error_text("--link-secret-file", f"{tmp_path}/keys")


@pytest.mark.parametrize(
    "key", ["q83vEjRWeJCrze8SNFZ4kA==", "abcdefghijklmnopqrstuvwxyzABCDEFGHI=", "a=b+c/d#e" * 2]
)
def test_key_with_punctuation_is_accepted(tmp_path: Path, key: str) -> None:
    (tmp_path / "keys").write_text(f"{key}\n")
    assert load_keys("--link-secret-file", f"{tmp_path}/keys") == (key,)


@pytest.mark.parametrize("content", [b"\xff" * 20, b"a key\0 with a NUL in it"], ids=["not UTF-8", "NUL"])
def test_binary_key_file_raises_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    assert "keys' (flag --link-secret-file) cannot be read: " in error_text(
        "--link-secret-file", f"{tmp_path}/keys"
    )


@pytest.mark.parametrize("setting", ["link-secret", "link-secret-file"])
def test_empty_flag_does_not_disable_signed_links(setting: str) -> None:
    message = error_text(f"--{setting}=", ARCHIVER_LINK_SECRET=KEY)
    assert message == f"{setting}: no value (flag --{setting}); set a value or remove it"
