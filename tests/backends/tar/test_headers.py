"""Tar headers as the standard library writes and reads them."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.memory_storage import entry, manifest_of
from tornado_archiver.backends.tar.headers import pax_header, ustar_header
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.source import Entry

S = 10**9
MAX_USTAR = 8**11 - 1  # eleven octal digits: 8 GiB, or the year 2242

ascii_names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=99)
modes = st.integers(0, 0o777)
ustar_files = st.builds(
    entry,
    ascii_names.filter(lambda name: not name.endswith("/")),
    st.integers(0, MAX_USTAR),
    st.integers(0, MAX_USTAR * S),
    modes,
)
ustar_directories = st.builds(
    lambda name, mtime_ns, mode: entry(name + "/", 0, mtime_ns, mode),
    ascii_names.filter(lambda name: not name.endswith("/")),
    st.integers(0, MAX_USTAR * S),
    modes,
)


@given(ustar_files | ustar_directories)
def test_ustar_header_is_that_of_the_standard_library(item: Entry) -> None:
    info = tarfile.TarInfo(item.member_name)
    info.type = tarfile.DIRTYPE if item.is_directory else tarfile.REGTYPE
    info.size, info.mode, info.mtime = item.size, item.mode, item.mtime_ns // S
    assert ustar_header(item) == info.tobuf(tarfile.USTAR_FORMAT)
    assert ustar_header(item) == info.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize(
    ("item", "is_ustar"),
    [
        (entry("n" * 100), True),
        (entry("n" * 101), False),
        (entry("é"), False),
        (entry("big", MAX_USTAR), True),
        (entry("big", MAX_USTAR + 1), False),
        (entry("old", mtime_ns=0), True),
        (entry("old", mtime_ns=-1), False),
        (entry("new", mtime_ns=MAX_USTAR * S), True),
        (entry("new", mtime_ns=(MAX_USTAR + 1) * S), False),
        (entry("d" * 99 + "/"), True),
        (entry("d" * 100 + "/"), False),
    ],
)
def test_pax_header_is_used_only_if_ustar_is_too_small(item: Entry, is_ustar: bool) -> None:
    assert len(TarLayout(manifest_of(item)).head(0, crc=0)) == (512 if is_ustar else 1536)


@given(
    st.builds(
        entry,
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300)
        .filter(lambda name: not name.endswith("/")),
        st.integers(0, 1 << 50),
        st.integers(-(1 << 40), 1 << 40).map(lambda second: second * S),
        modes,
    )
)  # fmt: skip
def test_pax_header_reads_back(item: Entry) -> None:
    read = read_back(pax_header(item))
    assert (read.name, read.size, read.mtime, read.mode) == (
        item.member_name,
        item.size,
        item.mtime_ns // S,
        item.mode,
    )
    assert read.isfile()
    assert (read.uid, read.gid, read.uname, read.gname) == (0, 0, "", "")


@pytest.mark.parametrize("name", ["d/", "é/", "d" * 100 + "/", "a/" * 200])
def test_header_of_a_directory_reads_back(name: str) -> None:
    read = read_back(pax_header(entry(name, mode=0o750)))
    assert read.isdir()
    assert (read.name, read.mode) == (name.rstrip("/"), 0o750)


def test_header_has_no_owner() -> None:
    read = read_back(ustar_header(entry("1.jpg", 3)))
    assert (read.uid, read.gid, read.uname, read.gname) == (0, 0, "", "")


def read_back(header: bytes) -> tarfile.TarInfo:
    """Return the one member with these headers; its content does not follow."""
    with tarfile.open(fileobj=io.BytesIO(header), mode="r:") as opened:
        found = opened.next()
    assert found is not None
    return found
