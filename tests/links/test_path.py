"""parse_hash: valid hashes and rejected paths of archive links."""

import pytest

from tornado_archiver.links.path import parse_hash


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("abc/", "abc"),
        ("abc", "abc"),
        ("3bea29ccabbbf64bdebcc055319c5745/", "3bea29ccabbbf64bdebcc055319c5745"),
        ("a.b/", "a.b"),
        ("a..b/", "a..b"),
        ("abc../", "abc.."),
        ("-rf/", "-rf"),
        ("~root/", "~root"),
        ("%61bc/", "abc"),
        ("two%20words/", "two words"),
        ("%20a%20/", " a "),
        ("a+b/", "a+b"),  # a plus is a space in forms only
        ("%D1%84%D0%BE%D1%82%D0%BE/", "фото"),
        ("%d1%84%d0%be%d1%82%d0%be/", "фото"),
        ("%F0%9F%8C%AA/", "🌪"),
        pytest.param("фото/".encode().decode("latin-1"), "фото", id="typed, not encoded"),
        ("a%252eb/", "a%2eb"),  # decoded once
        ("%252e%252e/", "%2e%2e"),
        ("a%252fb/", "a%2fb"),
        ("100%25/", "100%"),
        ("100%/", "100%"),
        ("%zz/", "%zz"),
        ("a:b;c,d&e=f/", "a:b;c,d&e=f"),
        pytest.param("n" * 255 + "/", "n" * 255, id="255 bytes"),
        pytest.param("%D1%84" * 127 + "/", "ф" * 127, id="254 bytes of two-byte letters"),
    ],
)
def test_parse_hash_returns_name(path: str, expected: str) -> None:
    assert parse_hash(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "abc//",
        "//abc/",
        "/abc/",
        ".",
        "./",
        "..",
        "../",
        "../abc/",
        "abc/../",
        "abc/..",
        "a/b",
        "a/b/",
        "%2e/",
        "%2e%2e/",
        "%2E%2e/",
        ".%2e/",
        "%2e%2e%2fetc/",
        "..%2Fetc/",
        "a%2fb/",
        "a%2Fb/",
        "%2fabc/",
        "abc%2f/",
        "abc%2f",
        "..%5cetc/",
        "a%5Cb/",
        "a\\b/",
        "abc%00/",
        "%00/",
        "abc%00.jpg/",
        "a%0d%0aSet-Cookie:x/",
        "a%0a/",
        "a%09/",
        "a%7f/",
        "a%C2%85/",
        "a%E2%80%A8b/",  # a line separator
        "a%C2%A0b/",  # no-break space
        ".hidden/",
        "%2ehidden/",
        "%23recycle/",
        "%23RECYCLE/",
        "@eaDir/",
        "%40Recently-Snapshot/",
        "lost+found/",
        "%24RECYCLE.BIN/",
        "System%20Volume%20Information/",
        "1.jpg_original/",
        "%ff/",
        "\xff/",
        "фото/",  # characters above 255 are not bytes
        "a%C3/",
        "%c0%ae%c0%ae/",  # an over-long `..`
        "%ed%a0%80/",
        pytest.param("n" * 256 + "/", id="256 bytes"),
        pytest.param("%D1%84" * 128 + "/", id="256 bytes of two-byte letters"),
        pytest.param("n" * 100_000, id="far too long"),
    ],
)
def test_parse_hash_of_invalid_path_is_none(path: str) -> None:
    assert parse_hash(path) is None
