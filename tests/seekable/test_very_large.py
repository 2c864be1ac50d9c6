"""Seekable archives of gigabytes and of many members, without reading them."""

import io
import tarfile
import zipfile

import pytest

from tests.helpers.memory_storage import entry, manifest_of
from tests.seekable.archives import DEFAULT, GIB, MIB, archive_of, length_of, packed, source_of, stored_up_to
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.seekable.archive import SeekableArchive
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.source import Entry, Manifest


class Virtual(io.RawIOBase):
    """An archive as a file object that packs the range that is read."""

    def __init__(self, archive: SeekableArchive) -> None:
        self._archive = archive
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, length_of(self._archive))[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = length_of(self._archive) if size < 0 else min(self._at + size, length_of(self._archive))
        data = packed(self._archive, self._at, stop) if self._at < stop else b""
        self._at += len(data)
        return data


def knowing(manifest: Manifest) -> CrcCache:
    """Return a cache as if every file had been read before."""
    crcs = CrcCache()
    for item in manifest.entries:
        crcs.put((item.member_name, item.size, item.mtime_ns), 0x11223344)
    return crcs


def zip_length(manifest: Manifest, threshold: int) -> int:
    """Return the length by the sections of APPNOTE, independently of the layout."""
    at, central = 0, 0
    for item in manifest.entries:
        sent = item.size + 5 * -(-item.size // 65_535) if item.size > threshold else item.size
        is_large = sent >= 0xFFFFFFFF
        wide = 3 if at >= 0xFFFFFFFF else (item.size >= 0xFFFFFFFF) + is_large
        central += 46 + len(item.member_name.encode()) + 9 + (4 + 8 * wide if wide else 0)
        at += 30 + len(item.member_name.encode()) + 9 + (20 if is_large else 0) + sent
        at += (24 if is_large else 16) if item.size > threshold else 0
    ends_wide = at >= 0xFFFFFFFF or central >= 0xFFFFFFFF or len(manifest.entries) >= 0xFFFF
    return at + central + 22 + (56 + 20 if ends_wide else 0)


TERABYTES = [
    [entry("large", 100 * GIB), entry("small", 10)],
    [entry("large", 100 * GIB), entry("large too", 100 * GIB)],
    [entry("first", 10), entry("large", 0xFFFFFFFE)],
    [entry("first", 10), entry("large", 0xFFFFFFFF)],
    [entry("first", 10), entry("large", 0x100000000)],
    [entry(f"{number}", 64 * MIB) for number in range(10, 90)],
    [
        entry("f", 4_294_639_629),
        entry("z", 1),
    ],  # in blocks it is a byte less than 0xFFFFFFFF, that, and a byte more
    [entry("f", 4_294_639_630), entry("z", 1)],
    [entry("f", 4_294_639_631), entry("z", 1)],
    [entry("f", 0xFFFFFFFF - 40), entry("z", 1)],  # stored, the next one begins at 0xFFFFFFFF
    [entry("f", 0xFFFFFFFF - 41), entry("z", 1)],
]


@pytest.mark.parametrize("threshold", [0, DEFAULT, 1 << 60])
@pytest.mark.parametrize("entries", TERABYTES)
def test_zip_of_gigabytes_has_a_right_central_directory(entries: list[Entry], threshold: int) -> None:
    manifest = manifest_of(*entries)
    archive = archive_of(stored_up_to(threshold), manifest, knowing(manifest))
    assert archive.info.length == zip_length(manifest, threshold)
    with zipfile.ZipFile(Virtual(archive)) as opened:
        infos = opened.infolist()
        assert [(info.filename, info.file_size) for info in infos] == [
            (item.member_name, item.size) for item in manifest.entries
        ]
        for info in infos:
            assert packed(archive, info.header_offset, info.header_offset + 4) == b"PK\3\4"
    assert source_of(manifest).read_bytes < MIB, "only small ones are read"


def test_70_000_members_are_counted_in_zip64() -> None:
    manifest = manifest_of(*(entry(f"{number:05}") for number in range(70_000)))
    archive = archive_of(stored_up_to(DEFAULT), manifest)
    assert archive.info.length == zip_length(manifest, DEFAULT) == 70_000 * (30 + 46 + 2 * (5 + 9)) + 98
    end = packed(archive, length_of(archive) - 98)
    assert end[:4] == b"PK\6\6"
    assert end[24:40] == (70_000).to_bytes(8, "little") * 2


@pytest.mark.parametrize(("members", "end"), [(65_534, 22), (65_535, 98)])
def test_end_of_many_members_is_zip64_from_65_535_on(members: int, end: int) -> None:
    archive = archive_of(stored_up_to(0), manifest_of(*(entry(f"{number:05}") for number in range(members))))
    assert archive.info.length == members * (30 + 46 + 2 * (5 + 9)) + end


def test_tar_of_gigabytes_reads_back() -> None:
    manifest = manifest_of(entry("a", 100 * GIB), entry("b", 8 * GIB - 1), entry("c", 8 * GIB), entry("d", 1))
    archive = archive_of(TarLayout, manifest)
    contents = 100 * GIB + 8 * GIB + 8 * GIB + 512
    assert archive.info.length == contents + 3 * 512 + 512 + 3 * 512 + 512 + 1024
    with tarfile.open(fileobj=Virtual(archive)) as opened:
        assert [info.size for info in opened] == [item.size for item in manifest.entries]
    assert source_of(manifest).read_bytes < MIB
