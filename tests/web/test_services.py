"""The file name of a download: a stem and a suffix, valid on any system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.test_member_names import is_valid_everywhere
from tornado_archiver.sources.member_names import portable_file_name


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("5f2c1e0b", "5f2c1e0b.tar.gz"),
        ("two words", "two words.tar.gz"),
        ("dot.", "dot..tar.gz"),  # unchanged, because Windows drops only a trailing dot or space
        ("blank ", "blank .tar.gz"),
        ("Сумерки", "Сумерки.tar.gz"),
        ("con", "con_.tar.gz"),
        ("CON.2024", "CON_.2024.tar.gz"),
        ("nul ", "nul_ .tar.gz"),
        ("com¹", "com¹_.tar.gz"),
        ("console", "console.tar.gz"),
        ('12:30 "best of"?', "12\uff1a30 \uff02best of\uff02\uff1f.tar.gz"),
        ("latin \udce9t\udce9", "latin %E9t%E9.tar.gz"),
        ("a" * 33, "a" * 33 + ".tar.gz"),
        ("a" * 34, "a" * 31 + ".tar.gz"),
        ("a" * 300, "a" * 31 + ".tar.gz"),
        ("1.2.3." * 50, "1.2.3." * 5 + "1.tar.gz"),
        ("ж" * 300, "ж" * 15 + ".tar.gz"),
        ("写" * 300, "写" * 10 + ".tar.gz"),
        ("🌪" * 300, "🌪" * 7 + ".tar.gz"),
        (":" * 300, "\uff1a" * 10 + ".tar.gz"),
        ("con" + " " * 300, "con_" + " " * 26 + "\u2420.tar.gz"),
    ],
)
def test_portable_file_name_keeps_suffix_within_max_bytes(stem: str, expected: str) -> None:
    assert portable_file_name(stem, ".tar.gz", 40) == expected


@given(
    st.text(min_size=1) | st.text('con.12 :é🌪\u202e\udcff\n"', min_size=1, max_size=300),
    st.sampled_from([".zip", ".tar", ".tar.gz", ".con", ".7z"]),
    st.integers(40, 255),
)
def test_portable_file_name_of_any_stem_is_valid_everywhere(stem: str, suffix: str, max_bytes: int) -> None:
    stem = "".join(
        character for character in stem if character != "/" and not "\ud800" <= character < "\udc80"
    )
    name = portable_file_name(stem, suffix, max_bytes)
    assert name.endswith(suffix)
    assert len(name.encode()) <= max_bytes
    assert is_valid_everywhere(name)
    assert portable_file_name(name.removesuffix(suffix), suffix, max_bytes) == name
