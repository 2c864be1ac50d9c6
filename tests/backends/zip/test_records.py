"""The records of a zip, byte for byte as in APPNOTE.TXT 6.3.10; the hex is written by hand."""

import calendar
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.memory_storage import entry, manifest_of
from tornado_archiver.backends.zip.records import (
    DEFLATED,
    HAS_DATA_DESCRIPTOR,
    STORED,
    UTF8,
    Member,
    central_header,
    data_descriptor,
    descriptor_size,
    end_of_central_directory,
    local_header,
    simple_central_header,
    simple_local_header,
)
from tornado_archiver.backends.zip.stored import StoredZipLayout
from tornado_archiver.errors import BackendError

T = calendar.timegm((2020, 9, 13, 12, 26, 40))  # 1600000000; DOS: 6354 512D; extended time: 00105E5F
PHOTO = Member(b"1.jpg", STORED, 0, 0x11223344, 3, 3, T, 0o644)
FILM = Member(b"f", DEFLATED, HAS_DATA_DESCRIPTOR, 0x11223344, 8, 3, T, 0o600)
LARGEST_PLAIN, SMALLEST_WIDE = 0xFFFFFFFE, 0xFFFFFFFF
WIDE = [SMALLEST_WIDE, 0x100000000, 5 << 30]

TIME = "5554 0500 01 00105e5f"


def same(data: bytes, expected: str) -> None:
    assert data.hex() == expected.replace(" ", "")


def with_value(field: str, value: int) -> Member:
    return PHOTO._replace(size=value) if field == "size" else PHOTO._replace(compressed_size=value)


def test_local_header_of_a_stored_file() -> None:
    same(
        local_header(PHOTO),
        f"504b0304 1400 0000 0000 5463 2d51 44332211 03000000 03000000 0500 0900 312e6a7067 {TIME}",
    )


def test_local_header_of_a_directory() -> None:
    same(
        local_header(Member(b"a/", STORED, 0, 0, 0, 0, T, 0o755)),
        f"504b0304 1400 0000 0000 5463 2d51 00000000 00000000 00000000 0200 0900 612f {TIME}",
    )


def test_local_header_of_a_name_in_utf_8() -> None:
    same(
        local_header(PHOTO._replace(name="é".encode(), flags=UTF8)),
        f"504b0304 1400 0008 0000 5463 2d51 44332211 03000000 03000000 0200 0900 c3a9 {TIME}",
    )


def test_local_header_that_leaves_crc_and_sizes_to_a_descriptor() -> None:
    same(
        local_header(FILM),
        f"504b0304 1400 0800 0800 5463 2d51 00000000 00000000 00000000 0100 0900 66 {TIME}",
    )


def test_local_header_of_a_large_stored_file() -> None:
    same(
        local_header(PHOTO._replace(size=5 << 30, compressed_size=5 << 30)),
        "504b0304 2d00 0000 0000 5463 2d51 44332211 ffffffff ffffffff 0500 1d00 312e6a7067 "
        f"0100 1000 0000004001000000 0000004001000000 {TIME}",
    )


def test_local_header_of_a_large_file_in_blocks() -> None:
    same(
        local_header(FILM._replace(size=5 << 30)),
        "504b0304 2d00 0800 0800 5463 2d51 00000000 ffffffff ffffffff 0100 1d00 66 0100 1000 "
        f"0000000000000000 0000000000000000 {TIME}",
    )


def test_data_descriptor() -> None:
    same(
        data_descriptor(FILM),
        "504b0708 44332211 08000000 03000000",
    )


def test_data_descriptor_of_a_large_file() -> None:
    same(
        data_descriptor(FILM._replace(size=5 << 30)),
        "504b0708 44332211 0800000000000000 0000004001000000",
    )


def test_central_header_of_a_stored_file() -> None:
    same(
        central_header(PHOTO, 0x1234),
        "504b0102 2d03 1400 0000 0000 5463 2d51 44332211 03000000 03000000 0500 0900 0000 "
        f"0000 0000 0000a481 34120000 312e6a7067 {TIME}",
    )


def test_central_header_of_a_file_in_blocks() -> None:
    same(
        central_header(FILM, 0),
        "504b0102 2d03 1400 0800 0800 5463 2d51 44332211 08000000 03000000 0100 0900 0000 "
        f"0000 0000 00008081 00000000 66 {TIME}",
    )


def test_central_header_of_a_directory() -> None:
    same(
        central_header(Member(b"a/", STORED, 0, 0, 0, 0, T, 0o755), 0),
        "504b0102 2d03 1400 0000 0000 5463 2d51 00000000 00000000 00000000 0200 0900 0000 "
        f"0000 0000 1000ed41 00000000 612f {TIME}",
    )


def test_central_header_of_a_file_after_4_gib() -> None:
    same(
        central_header(PHOTO, 5 << 30),
        "504b0102 2d03 2d00 0000 0000 5463 2d51 44332211 ffffffff ffffffff 0500 2500 0000 "
        "0000 0000 0000a481 ffffffff 312e6a7067 0100 1800 0300000000000000 0300000000000000 "
        f"0000004001000000 {TIME}",
    )


def test_central_header_of_a_large_file_in_blocks_after_4_gib() -> None:
    same(
        central_header(FILM._replace(size=5 << 30, compressed_size=6 << 30), 7 << 30),
        "504b0102 2d03 2d00 0800 0800 5463 2d51 44332211 ffffffff ffffffff 0100 2500 0000 "
        "0000 0000 00008081 ffffffff 66 0100 1800 0000004001000000 0000008001000000 "
        f"000000c001000000 {TIME}",
    )


def test_end_of_central_directory() -> None:
    same(
        end_of_central_directory(2, 0x1000, 0x70),
        "504b0506 0000 0000 0200 0200 70000000 00100000 0000",
    )


def test_zip64_end_of_central_directory() -> None:
    same(
        end_of_central_directory(3, 5 << 30, 0x70),
        "504b0606 2c00000000000000 2d03 2d00 00000000 00000000 0300000000000000 "
        "0300000000000000 7000000000000000 0000004001000000 504b0607 00000000 "
        "7000004001000000 01000000 504b0506 0000 0000 0300 0300 70000000 ffffffff 0000",
    )


ordinary = {
    "name": st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
    ),
    "size": st.integers(0, LARGEST_PLAIN),
    "mtime_s": st.integers(-(1 << 40), 1 << 40),
    "crc": st.integers(0, SMALLEST_WIDE),
}


@given(**ordinary, mode=st.integers(0, 0o777), offset=st.integers(0, LARGEST_PLAIN))
def test_simple_headers_equal_the_general_ones(
    name: str, size: int, mtime_s: int, crc: int, mode: int, offset: int
) -> None:
    flags = 0 if name.isascii() else UTF8
    member = Member(name.encode(), STORED, flags, crc, size, size, mtime_s, mode)
    assert simple_local_header(name, size, mtime_s, crc) == local_header(member)
    assert simple_central_header(name, size, mtime_s, mode, crc, offset) == central_header(member, offset)


# Where zip64 begins, and not before: [4.4.1.4] a field full of ones means that the value is in the extra


@pytest.mark.parametrize("field", ["size", "compressed_size"])
def test_largest_size_without_zip64(field: str) -> None:
    member = with_value(field, LARGEST_PLAIN)
    assert not member.is_large
    assert len(local_header(member)) == len(local_header(PHOTO))
    assert len(central_header(member, LARGEST_PLAIN)) == len(central_header(PHOTO, 0))
    assert len(data_descriptor(member)) == descriptor_size(member) == 16
    assert b"\xfe\xff\xff\xff" in local_header(member)


@pytest.mark.parametrize("value", WIDE)
@pytest.mark.parametrize("field", ["size", "compressed_size"])
def test_size_that_needs_zip64(field: str, value: int) -> None:
    member = with_value(field, value)
    local, central = local_header(member), central_header(member, 0)
    both = struct.pack("<2Q", member.size, member.compressed_size)  # [4.5.3] in the local header, always both
    assert local[35:].startswith(b"\1\0\x10\0" + both)
    assert struct.unpack_from("<2L", local, 18) == (SMALLEST_WIDE, SMALLEST_WIDE)
    assert central[51:].startswith(b"\1\0\x08\0" + struct.pack("<Q", value))  # the one that did not fit
    assert len(data_descriptor(member)) == descriptor_size(member) == 24


@pytest.mark.parametrize("offset", WIDE)
def test_offset_that_needs_zip64(offset: int) -> None:
    central = central_header(PHOTO, offset)
    assert central[20:28] == central[42:46] * 2 == b"\xff" * 8
    assert central[51:].startswith(b"\1\0\x18\0" + struct.pack("<3Q", 3, 3, offset))


@pytest.mark.parametrize(
    ("members", "start", "size", "is_wide"),
    [
        (65_534, 0, 0, False),
        (65_535, 0, 0, True),
        (65_536, 0, 0, True),
        (1, LARGEST_PLAIN, 0, False),
        (1, SMALLEST_WIDE, 0, True),
        (1, 0x100000000, 0, True),
        (1, 0, LARGEST_PLAIN, False),
        (1, 0, SMALLEST_WIDE, True),
        (1, 0, 0x100000000, True),
        (0, 0, 0, False),
    ],
)
def test_end_is_zip64_only_if_it_must_be(members: int, start: int, size: int, is_wide: bool) -> None:
    end = end_of_central_directory(members, start, size)
    assert len(end) == (56 + 20 + 22 if is_wide else 22)
    narrow = min(members, 0xFFFF), min(members, 0xFFFF), min(size, 0xFFFFFFFF), min(start, 0xFFFFFFFF)
    assert struct.unpack("<4s4H2LH", end[-22:]) == (b"PK\5\6", 0, 0, *narrow, 0)
    if is_wide:
        assert struct.unpack_from("<4Q", end, 24) == (members, members, size, start)
        assert struct.unpack_from("<4sLQL", end, 56) == (b"PK\6\7", 0, start + size, 1)


@pytest.mark.parametrize("name", ["n" * 65_536, "é" * 32_768], ids=["ascii", "other"])
def test_name_longer_than_its_field_is_refused_at_once(name: str) -> None:
    StoredZipLayout(manifest_of(entry(name[1:])), 0)
    with pytest.raises(BackendError, match="a path of 65536 bytes"):
        StoredZipLayout(manifest_of(entry(name)), 0)


# Times


@pytest.mark.parametrize(
    ("mtime", "stored"),
    [
        ((1980, 1, 1, 0, 0, 0), (1980, 1, 1, 0, 0, 0)),
        ((1980, 1, 1, 0, 0, 1), (1980, 1, 1, 0, 0, 0)),
        ((1979, 12, 31, 23, 59, 59), (1980, 1, 1, 0, 0, 0)),
        ((1970, 1, 1, 0, 0, 0), (1980, 1, 1, 0, 0, 0)),
        ((1901, 1, 1, 5, 5, 5), (1980, 1, 1, 0, 0, 0)),
        ((2020, 9, 13, 12, 26, 41), (2020, 9, 13, 12, 26, 40)),
        ((2024, 2, 29, 23, 59, 58), (2024, 2, 29, 23, 59, 58)),
        ((2024, 2, 29, 23, 59, 59), (2024, 2, 29, 23, 59, 58)),
        ((2100, 2, 28, 23, 59, 58), (2100, 2, 28, 23, 59, 58)),
        ((2100, 3, 1, 0, 0, 0), (2100, 3, 1, 0, 0, 0)),
        ((2107, 12, 31, 23, 59, 59), (2107, 12, 31, 23, 59, 58)),
        ((2108, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)),
        ((9999, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_dos_time(mtime: tuple[int, ...], stored: tuple[int, ...]) -> None:
    for header in (local_header, lambda member: central_header(member, 0)[2:]):
        packed_time, packed_date = struct.unpack_from("<2H", header(at(calendar.timegm(mtime))), 10)
        date = (packed_date >> 9) + 1980, packed_date >> 5 & 0xF, packed_date & 0x1F
        clock = packed_time >> 11, packed_time >> 5 & 0x3F, (packed_time & 0x1F) * 2
        assert date + clock == stored


@pytest.mark.parametrize(
    ("mtime_s", "stored_s"),
    [
        (0, 0),
        (-1, -1),
        (T, T),
        (-(1 << 31), -(1 << 31)),
        (-(1 << 31) - 1, -(1 << 31)),
        ((1 << 31) - 1, (1 << 31) - 1),
        (1 << 31, (1 << 31) - 1),
        (1 << 40, (1 << 31) - 1),
        (-(1 << 40), -(1 << 31)),
    ],
)
def test_extended_time(mtime_s: int, stored_s: int) -> None:
    expected = b"UT\5\0\1" + struct.pack("<l", stored_s)
    assert local_header(at(mtime_s)).endswith(expected)
    assert central_header(at(mtime_s), 0).endswith(expected)


def at(mtime_s: int) -> Member:
    return PHOTO._replace(mtime_s=mtime_s)
