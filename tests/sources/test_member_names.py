"""Member names: valid on any system, unique, and unchanged if possible."""

import re
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tornado_archiver.sources import member_names
from tornado_archiver.sources.member_names import _all_portable, portable_name, unique_names

NFC, NFD = "é.jpg".encode(), "e\u0301.jpg".encode()
DEVICES = ["con", "prn", "aux", "nul", "conin$", "conout$"]
DEVICES += [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]

# Written again from Microsoft's "Naming Files, Paths, and Namespaces", not taken from the module
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')


def is_valid_everywhere(name: str) -> bool:
    """Return whether Windows, macOS and Linux all accept the file name."""
    device = name.partition(".")[0].rstrip(" ").casefold()
    return (
        0 < len(name.encode()) <= 255  # a lone surrogate raises here
        and not FORBIDDEN.search(name)
        and name[-1] not in ". "
        and device not in DEVICES
    )


@pytest.mark.parametrize(
    "name",
    [
        "a.jpg",
        "no suffix",
        "[1].jpg",
        "-rf",
        "~$x",
        "100%.txt",
        ".hidden",
        "...three",
        " blank at the start",
        "a..b",
        "été.jpg",
        "e\u0301te\u0301.jpg",
        "日本語",
        "🌪.png",
        "%FF",
        "console",
        "con-1",
        "xcon",
        "com10",
        "lpt",
        "concon.txt",
        "x.con",
        "n" * 251 + ".txt",
        "é" * 127,
        "non-breaking\u00a0blank",
    ],
)
def test_portable_name_is_unchanged(name: str) -> None:
    assert portable_name(name.encode()) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a:b", "a\uff1ab"),
        (b'<>:"|?*\\', "\uff1c\uff1e\uff1a\uff02\uff5c\uff1f\uff0a\uff3c"),
        (b"..\\..\\etc", "..\uff3c..\uff3cetc"),
        (b"two\nlines", "two\u240alines"),
        (b"\x01\t\x1f", "\u2401\u2409\u241f"),
        (b"del\x7f", "del\u2421"),
        ("c1\u0080\u0085\u009f".encode(), "c1%C2%80%C2%85%C2%9F"),
        (b"latin \xe9t\xe9", "latin %E9t%E9"),
        (b"\xed\xa0\x80", "%ED%A0%80"),  # a surrogate in UTF-8, which is not UTF-8
        (b"\xff\xfe", "%FF%FE"),
        (b"dot.", "dot\uff0e"),
        (b"dots...", "dots..\uff0e"),
        (b"...", "..\uff0e"),
        (b"blank ", "blank\u2420"),
        (b" ", "\u2420"),
        (b"mixed. ", "mixed.\u2420"),
        (b"newline last.\n", "newline last.\u240a"),
        (b"con", "con_"),
        (b"CON.txt", "CON_.txt"),
        (b"nul .tar.gz", "nul_ .tar.gz"),
        (b"aux.", "aux\uff0e"),
        (b"Lpt1.a.b", "Lpt1_.a.b"),
        ("com¹.txt".encode(), "com¹_.txt"),
        (b"conout$", "conout$_"),
    ],
)
def test_invalid_character_is_replaced(name: bytes, expected: str) -> None:
    assert portable_name(name) == expected
    assert is_valid_everywhere(expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rest", ["", ".", " ", ".txt", " .txt", "  ..txt"])
def test_device_name_is_changed(device: str, rest: str) -> None:
    assert is_valid_everywhere(portable_name((device + rest).encode()))
    assert is_valid_everywhere(portable_name((device.upper() + rest).encode()))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        pytest.param(b"\xff" * 251 + b".txt", ".txt", id="grows threefold"),
        pytest.param("日".encode() * 83 + b":.jpeg", ".jpeg", id="three-byte letters"),
        pytest.param("🌪".encode() * 60 + b"::::.png", ".png", id="four-byte letters"),
        pytest.param(b"a." + b":" * 200, "\uff1a", id="a dot without a suffix"),
        pytest.param(b"." * 255, "", id="nothing but dots"),
        pytest.param(b" " * 255, "\u2420", id="nothing but blanks"),
        pytest.param(b"con" + b" " * 246 + b"::.txt", ".txt", id="truncated to a device"),
        pytest.param(b"x" * 250 + b" ::", "x\u2420", id="truncated after a blank"),
    ],
)
def test_truncated_name_keeps_its_suffix(name: bytes, suffix: str) -> None:
    shortened = portable_name(name)
    assert 240 < len(shortened.encode()) <= 255
    assert shortened.endswith(suffix)
    assert is_valid_everywhere(shortened)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({b"A.jpg": "A.jpg", b"a.jpg": "a (2).jpg"}, id="case"),
        pytest.param({b"A": "A", b"a": "a (2)"}, id="no suffix"),
        pytest.param({b".A": ".A", b".a": ".a (2)"}, id="nothing before the dot"),
        pytest.param({b"A.JPG": "A.JPG", b"A.jpg": "A (2).jpg", b"a.jpg": "a (3).jpg"}, id="three"),
        pytest.param({NFD: NFD.decode(), NFC: "é (2).jpg"}, id="normal form"),
        pytest.param({NFD: NFD.decode(), "É.jpg".encode(): "É (2).jpg"}, id="case and form"),
        pytest.param({b"STRASSE": "STRASSE", "straße".encode(): "straße (2)"}, id="full folding"),
        pytest.param(  # alike only after the marks are put in order
            {
                "\u03b1\u0301\u0345".encode(): "\u03b1\u0301\u0345",
                "\u03b1\u0345\u0301".encode(): "\u03b1\u0345\u0301 (2)",
            },
            id="order of marks",
        ),
        pytest.param({b"\xff": "%FF (2)", b"%FF": "%FF"}, id="portable before mapped"),
        pytest.param({b"CON": "CON_ (2)", b"con_": "con_"}, id="portable before reserved"),
        pytest.param({b"A": "A", b"a": "a (3)", b"a (2)": "a (2)"}, id="a number is in use"),
        pytest.param(
            {b"a:": "a\uff1a (3)", "a\uff1a".encode(): "a\uff1a", b"A:": "A\uff1a (2)"}, id="mapped after"
        ),
        pytest.param({b"COM1": "COM1_", b"com1": "com1_ (2)", b"com1 (2)": "com1 (2)"}, id="devices"),
    ],
)
def test_colliding_names_are_numbered(names: dict[bytes, str]) -> None:
    assert unique_names(names) == names


def test_names_with_the_same_truncation_are_numbered() -> None:
    """Long names in another encoding that differ at their ends only."""
    names = [b"\xc6" * 200 + b"%04d.jpg" % number for number in range(3000)]
    unique = unique_names(names)
    assert len(set(unique.values())) == 3000
    assert all(is_valid_everywhere(name) and name.endswith(".jpg") for name in unique.values())


def test_long_names_that_collide_in_pairs_take_few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of a pair differ in case only, and all are equal once truncated for a number."""
    pairs, keys = 300, 0
    key_of = member_names._collision_key

    def count_keys(name: str) -> str:
        nonlocal keys
        keys += 1
        return key_of(name)

    monkeypatch.setattr(member_names, "_collision_key", count_keys)
    stems = [b"p" * 245 + b"%06d" % number for number in range(pairs)]
    unique = unique_names([stem + suffix for stem in stems for suffix in (b".jpg", b".JPG")])
    assert len({name.lower() for name in unique.values()}) == 2 * pairs
    assert keys < 10 * pairs


def test_number_fits_beside_long_suffix() -> None:
    names = unique_names([b"a." + b"B" * 253, b"a." + b"b" * 253])
    assert all(is_valid_everywhere(name) for name in names.values())


def test_order_of_listing_does_not_matter() -> None:
    names = [b"a", b"A", b"a (2)", b"\xff", b"%ff", NFC, NFD]
    assert unique_names(names) == unique_names(reversed(names))


# Special pieces, because random bytes alone rarely produce device names or collisions
LETTERS = ["é", "e\u0301", "ß", "\u03b1", "\u0345", "\u0301", "\u0085", "\uff0e", "日" * 40]
PIECES = st.sampled_from(
    [
        *(letters.encode() for letters in LETTERS),
        *(b"con", b"NUL", b"com1", b".", b" ", b":", b"\\", b"\n", b"\x7f", b"\xff", b"%FF", b"_"),
        *(b"a", b"A", b"ss", b" (2)", b"x" * 120, b" " * 100, b"." * 100),
    ]
)
NAMES = st.one_of(
    st.lists(PIECES, min_size=1, max_size=6).map(b"".join),
    st.binary(min_size=1, max_size=255),
    st.text(min_size=1, max_size=80).map(lambda text: text.encode("utf-8", "replace")),
).filter(lambda name: name not in (b".", b"..") and not {0, ord("/")} & set(name))


@given(st.sets(NAMES, min_size=1, max_size=12))
@example({b"con", b"CON", b"con_", b"con_ (2)"})
def test_unique_names_are_valid_and_unique(names: set[bytes]) -> None:
    unique = unique_names(names)
    assert unique.keys() == names
    assert all(is_valid_everywhere(name) for name in unique.values())
    assert len({unicodedata.normalize("NFC", name.casefold()) for name in unique.values()}) == len(names)
    assert len({unicodedata.normalize("NFC", name).casefold() for name in unique.values()}) == len(names)


@given(NAMES)
def test_portable_name_is_idempotent(name: bytes) -> None:
    once = portable_name(name)
    assert portable_name(once.encode()) == once


@given(NAMES)
def test_valid_name_is_unchanged(name: bytes) -> None:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = ""
    assume(text and is_valid_everywhere(text))
    assert portable_name(name) == text
    assert unique_names([name]) == {name: text}


def test_all_portable_recognises_ordinary_names() -> None:
    """Tested directly, because only the cost of thousands of names differs, not the result."""
    assert _all_portable([b"1.jpg", b"IMG_0001 (2).JPG", b"a"]) is not None
    assert _all_portable([NFC]) is None
