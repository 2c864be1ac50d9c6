"""parse_link: names, selections and signatures of archive links."""

import pytest

from tornado_archiver.errors import BadSignatureError
from tornado_archiver.links.link import ArchiveLink, parse_link
from tornado_archiver.links.path import LinkPath, parse_path
from tornado_archiver.links.signing import LinkSigner

KEYS = LinkSigner(("a-key-of-the-service",))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("abc", LinkPath("abc")),
        ("abc/", LinkPath("abc")),
        ("abc/holiday.zip", LinkPath("abc", "holiday.zip")),
        ("abc/two%20words.tar.gz", LinkPath("abc", "two words.tar.gz")),
        ("abc/a+b.zip", LinkPath("abc", "a+b.zip")),  # a plus is a space in forms only
        ("abc/.zip", LinkPath("abc", ".zip")),
        pytest.param(
            "abc/фото.zip".encode().decode("latin-1"), LinkPath("abc", "фото.zip"), id="not encoded"
        ),
        ("abc/holiday.zip/", None),
        ("abc//", None),
        ("abc//holiday.zip", None),
        ("abc/sub/holiday.zip", None),
        ("abc/..%2fholiday.zip", None),
        ("abc/a%5cb.zip", None),
        ("abc/a%00.zip", None),
        ("abc/a%0ab.zip", None),
        ("abc/%ff.zip", None),
        ("/holiday.zip", None),
        ("%23recycle/holiday.zip", None),
        (".hidden/holiday.zip", None),
        pytest.param(f"abc/{'n' * 252}.zip", None, id="256 bytes"),
    ],
)
def test_parse_path_returns_hash_and_file_name(path: str, expected: LinkPath | None) -> None:
    assert parse_path(path) == expected


def test_parse_link_returns_decoded_arguments() -> None:
    query = {"name": [b"Anna \xc3\xa9"], "file": [b"1.jpg", b"sub/", b"1.jpg", b"\xff"]}
    assert parse_link("abc/", query) == ArchiveLink("abc", name="Anna é", files=("1.jpg", "sub/", "\udcff"))


@pytest.mark.parametrize("values", [[], [b""], [b"a", b"b"]])
def test_missing_or_repeated_name_is_empty(values: list[bytes]) -> None:
    assert parse_link("abc/", {"name": values}) == ArchiveLink("abc")


def test_link_with_two_names_is_invalid() -> None:
    assert parse_link("abc/holiday.zip", {"name": [b"Anna"]}) is None


@pytest.mark.parametrize(
    ("path", "signed_name", "query"),
    [
        ("abc/", "", {}),
        ("abc/holiday.zip", "holiday.zip", {}),
        ("abc/", "Anna", {"name": [b"Anna"]}),
        ("abc/", "a\nb", {"name": [b"a\nb"]}),
        ("abc/", "\udcff", {"name": [b"\xff"]}),
        ("abc/", "", {"file": [b"1.jpg"], "info": [b""], "format": [b"tar"]}),
    ],
)
def test_signature_covers_the_name_and_not_the_selection(
    path: str, signed_name: str, query: dict[str, list[bytes]]
) -> None:
    signature = KEYS.signature("abc", "1800000000", signed_name)
    signed = query | {"expires": [b"1800000000"], "signature": [signature.encode()]}
    link = parse_link(path, signed)
    assert link is not None
    link.verify(KEYS, now=0)
    renamed = parse_link("abc/other.zip", signed) or parse_link("abc/", signed | {"name": [b"other"]})
    assert renamed is not None
    with pytest.raises(BadSignatureError):
        renamed.verify(KEYS, now=0)


def test_name_that_continues_the_expiry_time_needs_its_own_signature() -> None:
    signature = KEYS.signature("abc", "1", "2")
    link = parse_link("abc/", {"expires": [b"1\n2"], "signature": [signature.encode()]})
    assert link is not None
    with pytest.raises(BadSignatureError):
        link.verify(KEYS, now=0)
