"""Planned archives: their length, their ranges, their validators; what they read, and what they leave."""

import asyncio
import hashlib
import io
import itertools
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.stored_zip import StoredZip
from backends.stored_zip.layout import StoredZipLayout
from backends.tar import TarLayout
from tests.memory_storage import MTIME_NS, MemorySource, entry, manifest_of, zeros
from tests.servers import PROJECT, eventually
from tornado_archiver.backend import BackendOptions
from tornado_archiver.byterange import ByteRange
from tornado_archiver.chunks import Chunk, FileSlice, as_bytes
from tornado_archiver.contents import READ_BYTES, SMALL_BYTES, Contents
from tornado_archiver.crc_cache import CrcCache
from tornado_archiver.errors import ArchiverError, PackingError, SourceChangedError
from tornado_archiver.layout import Layout
from tornado_archiver.manifest import Entry, Manifest
from tornado_archiver.packer import COALESCED_BYTES, MAX_SLICE_BYTES
from tornado_archiver.planned import PlannedArchive
from tornado_archiver.segments import STORED_BLOCK, Late
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.footprint import Footprint, bytes_read

MIB, GIB = 1 << 20, 1 << 30
DEFAULT = 64 * MIB
MAX_PULL_BYTES = 3 * MAX_SLICE_BYTES  # read in one pull: a checksum until the next pause, a chunk, a bit more
FRAMED_READ = 16 * STORED_BLOCK

MakeLayout = Callable[[Manifest], Layout]


def stored_up_to(threshold: int) -> MakeLayout:
    return lambda manifest: StoredZipLayout(manifest, threshold)


LAYOUTS = {
    "stored": stored_up_to(DEFAULT),
    "framed": stored_up_to(0),
    "by size": stored_up_to(SMALL_BYTES + READ_BYTES),
    "tar": TarLayout,
}
every_layout = pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS.keys())


def archive_of(make: MakeLayout, manifest: Manifest, crcs: CrcCache | None = None) -> PlannedArchive:
    return PlannedArchive(make(manifest), manifest, crcs or CrcCache())


def pulls(archive: PlannedArchive, start: int = 0, stop: int | None = None) -> Iterator[Chunk]:
    """What the worker thread makes of a range, pull by pull, pauses included."""
    return archive._packed(ByteRange(start, length_of(archive) if stop is None else stop))


def packed(archive: PlannedArchive, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes of a range, each chunk used up before the next is asked for."""
    return b"".join(map(as_bytes, pulls(archive, start, stop)))


def length_of(archive: PlannedArchive) -> int:
    assert archive.info.length is not None
    return archive.info.length


def source_of(manifest: Manifest) -> MemorySource:
    assert isinstance(manifest.source, MemorySource)
    return manifest.source


# Ranges


TINY = (entry("d/"), entry("empty"), entry("one", 1), entry("é", 3))


@pytest.mark.parametrize(
    ("make", "step"),
    [(stored_up_to(1), 1), (stored_up_to(0), 5), (stored_up_to(DEFAULT), 5), (TarLayout, 151)],
    ids=["both kinds", "framed", "stored", "tar"],
)
def test_every_range_is_a_slice_of_the_whole(make: MakeLayout, step: int) -> None:
    """From every byte of the archive, to every `step`-th one behind it."""
    archive = archive_of(make, manifest_of(*TINY))
    whole = packed(archive)
    for start in range(len(whole)):
        for stop in {*range(start + 1, len(whole) + 1, step), len(whole)}:
            assert packed(archive, start, stop) == whole[start:stop], (start, stop)


def around(*sizes: int) -> Iterator[int]:
    for size in sizes:
        yield from (size - 1, size, size + 1)


EDGES = sorted(
    {
        *around(1, STORED_BLOCK, 2 * STORED_BLOCK, FRAMED_READ, SMALL_BYTES, READ_BYTES, COALESCED_BYTES),
        *around(SMALL_BYTES + READ_BYTES),
        MAX_SLICE_BYTES,
        MAX_SLICE_BYTES + 1,
        MAX_SLICE_BYTES + 2,
    }
)


class Edged:
    """Files of all sizes at which something changes; packed once, and the checksums known from then on."""

    def __init__(self, make: MakeLayout) -> None:
        order = EDGES[::2] + EDGES[1::2]  # large ones before small ones too
        self.manifest = manifest_of(*(entry(f"{number:02}", size) for number, size in enumerate(order)))
        self.layout = make(self.manifest)
        self.archive = PlannedArchive(self.layout, self.manifest, CrcCache())
        self.whole = packed(self.archive)

    def check(self, start: int, stop: int) -> None:
        assert packed(self.archive, start, stop) == self.whole[start:stop], (start, stop)


EDGED: dict[str, Edged] = {}


@pytest.fixture(params=LAYOUTS)
def edged(request: pytest.FixtureRequest) -> Edged:
    if request.param not in EDGED:
        EDGED[request.param] = Edged(LAYOUTS[request.param])
    return EDGED[request.param]


def test_ranges_around_every_segment(edged: Edged) -> None:
    cuts, at = [0], 0
    for record in range(edged.layout.records()):
        for segment in edged.layout.segments(record):
            at += segment.length
            cuts.append(at)
        assert at == edged.layout.starts[record + 1]
    for here, there in itertools.pairwise(cuts):
        for start in around(here):
            for stop in (start + 1, start + 2, here + STORED_BLOCK + 5, *around(min(there, here + MIB))):
                if 0 <= start < stop <= at:
                    edged.check(start, stop)


@settings(max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize("name", LAYOUTS)
def test_any_range(name: str, data: st.DataObject) -> None:
    edged = EDGED.setdefault(name, Edged(LAYOUTS[name])) if name not in EDGED else EDGED[name]
    start = data.draw(st.integers(0, len(edged.whole) - 1))
    stop = data.draw(st.integers(start + 1, len(edged.whole)))
    edged.check(start, stop)


def test_ranges_of_blocks_and_their_heads() -> None:
    """Around every head of a framed file's blocks."""
    archive = archive_of(stored_up_to(0), manifest_of(entry("f", 40 * STORED_BLOCK + 7)))
    whole = packed(archive)
    for block in range(41):
        at = 40 + block * (STORED_BLOCK + 5)  # behind a local header of 30, a name of 1, a time of 9
        for start, stop in itertools.combinations(range(at - 1, at + 7), 2):
            assert packed(archive, start, stop) == whole[start:stop]
        for start in range(at - 1, at + 7):
            stop = min(start + FRAMED_READ + STORED_BLOCK, len(whole))
            assert packed(archive, start, stop) == whole[start:stop]


# Length


def random_manifest(dice: random.Random) -> Manifest:
    return manifest_of(*{name: random_entry(name, dice) for name in random_names(dice)}.values())


def random_names(dice: random.Random) -> Iterator[str]:
    letters = "abc xyz" + "éж日🌪" * dice.randrange(2)
    for _ in range(dice.randrange(1, 7)):
        length = dice.choice((1, 2, 5, 30, 99, 100, 101, 254))
        yield "".join(dice.choices(letters, k=length)) + "/" * dice.randrange(2)


def random_entry(name: str, dice: random.Random) -> Entry:
    size = 0 if name.endswith("/") else dice.choice((0, 1, 2, 511, 512, 513, 3000, *around(STORED_BLOCK)))
    mtime_s = dice.choice((-(1 << 35), -1, 0, 1, 1_600_000_000, (1 << 31) - 1, 1 << 31, 1 << 33, 1 << 40))
    return entry(name, size, mtime_s * 10**9 + dice.randrange(10**9), dice.randrange(0o1000))


@pytest.mark.parametrize("seed", range(4))
def test_the_length_is_that_of_the_bytes(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(500):
        manifest = random_manifest(dice)
        for make in (stored_up_to(0), stored_up_to(512), stored_up_to(DEFAULT), TarLayout):
            archive = archive_of(make, manifest)
            assert len(packed(archive)) == archive.info.length, [
                item[:1] + item[2:] for item in manifest.entries
            ]


@pytest.mark.parametrize("threshold", [0, 512, DEFAULT])
def test_a_zip_of_anything_reads_back(threshold: int) -> None:
    dice = random.Random(threshold)
    for _ in range(150):
        manifest = random_manifest(dice)
        with zipfile.ZipFile(io.BytesIO(packed(archive_of(stored_up_to(threshold), manifest)))) as opened:
            found = {info.filename: opened.read(info) for info in opened.infolist()}
            modes = [info.external_attr >> 16 & 0o777 for info in opened.infolist()]
        assert found == expected(manifest)
        assert modes == [item.mode for item in manifest.entries]


def test_a_tar_of_anything_reads_back() -> None:
    dice = random.Random(7)
    for _ in range(150):
        manifest = random_manifest(dice)
        found, facts = {}, []
        with tarfile.open(fileobj=io.BytesIO(packed(archive_of(TarLayout, manifest)))) as opened:
            for info in opened:
                file = opened.extractfile(info)
                found[info.name + "/" * info.isdir()] = file.read() if file else b""
                facts.append((info.mode, info.mtime))
        assert found == expected(manifest)
        assert facts == [(item.mode, item.mtime_ns // 10**9) for item in manifest.entries]


def expected(manifest: Manifest) -> dict[str, bytes]:
    reads = source_of(manifest).reads
    return {item.member_name: reads[item.member_name](0, item.size) for item in manifest.entries}


# Very large ones, without reading them


class Virtual(io.RawIOBase):
    """An archive as a file that is packed where it is read."""

    def __init__(self, archive: PlannedArchive) -> None:
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
    """As if every file had been read before."""
    crcs = CrcCache()
    for item in manifest.entries:
        crcs.put((item.member_name, item.size, item.mtime_ns), 0x11223344)
    return crcs


def zip_length(manifest: Manifest, threshold: int) -> int:
    """Added up from the sections of APPNOTE, in another way than the layout does."""
    at, central = 0, 0
    for item in manifest.entries:
        framed = item.size + 5 * -(-item.size // 65_535) if item.size > threshold else item.size
        is_large = framed >= 0xFFFFFFFF
        wide = (item.size >= 0xFFFFFFFF) + is_large + (at >= 0xFFFFFFFF)
        central += 46 + len(item.member_name.encode()) + 9 + (4 + 8 * wide if wide else 0)
        at += 30 + len(item.member_name.encode()) + 9 + (20 if is_large else 0) + framed
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
    [entry("f", 4_294_639_613), entry("z", 1)],  # framed it is a byte or two around 0xFFFFFFFF
    [entry("f", 4_294_639_614), entry("z", 1)],
    [entry("f", 4_294_639_615), entry("z", 1)],
    [entry("f", 0xFFFFFFFF - 40), entry("z", 1)],  # stored, the next one begins at 0xFFFFFFFF
    [entry("f", 0xFFFFFFFF - 41), entry("z", 1)],
]


@pytest.mark.parametrize("threshold", [0, DEFAULT, 1 << 60])
@pytest.mark.parametrize("entries", TERABYTES)
def test_an_archive_of_gigabytes_has_its_directory_in_order(entries: list[Entry], threshold: int) -> None:
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
def test_the_end_of_an_archive_of_many(members: int, end: int) -> None:
    archive = archive_of(stored_up_to(0), manifest_of(*(entry(f"{number:05}") for number in range(members))))
    assert archive.info.length == members * (30 + 46 + 2 * (5 + 9)) + end


def test_a_tar_of_gigabytes() -> None:
    manifest = manifest_of(entry("a", 100 * GIB), entry("b", 8 * GIB - 1), entry("c", 8 * GIB), entry("d", 1))
    archive = archive_of(TarLayout, manifest)
    contents = 100 * GIB + 8 * GIB + 8 * GIB + 512
    assert archive.info.length == contents + 3 * 512 + 512 + 3 * 512 + 512 + 1024
    with tarfile.open(fileobj=Virtual(archive)) as opened:
        assert [info.size for info in opened] == [item.size for item in manifest.entries]
    assert source_of(manifest).read_bytes < MIB


# Same directory, same bytes, same etag


PACK = """
import asyncio, hashlib, pathlib, sys
from backends.stored_zip import StoredZip
from backends.tar import Tar
from tornado_archiver.backend import BackendOptions
from tornado_archiver.chunks import as_bytes
from tornado_archiver.testing import trees

async def main(root):
    plain, framed = BackendOptions(), BackendOptions(stored_threshold=0)
    for backend in (StoredZip(plain), StoredZip(framed), Tar(plain)):
        archive = await backend.open(await trees.manifest_of(root))
        digest = hashlib.sha256()
        async for chunk in archive.chunks():
            digest.update(as_bytes(chunk))
        print(archive.info.etag, digest.hexdigest())

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def told_by_another_process(root: Path, zone: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PACK, root],
        cwd=PROJECT,
        env={**os.environ, "TZ": zone},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_every_host_makes_the_same_bytes(tmp_path: Path) -> None:
    here = trees.mixed(tmp_path / "here")
    there = tmp_path / "elsewhere" / "photos" / "another-name"
    shutil.copytree(here, there)
    told = [told_by_another_process(here, "UTC"), told_by_another_process(there, "Asia/Tokyo")]
    assert told[0] == told[1]
    assert told[0] == [f"{tag} {digest}" for tag, digest in asyncio.run(twice(here))]


async def twice(root: Path) -> list[tuple[str, str]]:
    """Etag and digest by each backend, its checksums known already."""
    manifest = await trees.manifest_of(root)
    found = []
    for make in (stored_up_to(DEFAULT), stored_up_to(0), TarLayout):
        crcs = CrcCache()
        first, second = (archive_of(make, manifest, crcs) for _ in range(2))
        data = packed(first)
        assert packed(second) == data
        assert first.info == second.info
        found.append((str(first.info.etag), hashlib.sha256(data).hexdigest()))
    return found


PLAIN = (entry("a", 1), entry("b/"), entry("b/c", 2))
OTHERS: dict[str, tuple[Entry, ...]] = {
    "as it was": PLAIN,
    "another name": (entry("A", 1), *PLAIN[1:]),
    "another size": (entry("a", 2), *PLAIN[1:]),
    "another second": (entry("a", 1, MTIME_NS + 10**9), *PLAIN[1:]),
    "another nanosecond": (entry("a", 1, MTIME_NS + 1), *PLAIN[1:]),
    "another mode": (entry("a", 1, mode=0o600), *PLAIN[1:]),
    "one less": PLAIN[1:],
    "one more": (*PLAIN, entry("d")),
    "sizes changed places": (entry("a", 2), entry("b/"), entry("b/c", 1)),
}


def etag(make: MakeLayout, *entries: Entry) -> str | None:
    return archive_of(make, manifest_of(*entries)).info.etag


def test_the_etag_changes_with_what_the_bytes_hang_on() -> None:
    tags = {
        (name, what): etag(make, *entries)
        for name, make in {**LAYOUTS, "threshold 2": stored_up_to(2), "20": stored_up_to(20)}.items()
        for what, entries in OTHERS.items()
    }
    assert len(set(tags.values())) == len(tags)


def test_a_threshold_and_a_name_are_kept_apart() -> None:
    assert etag(stored_up_to(1), entry("23", 1)) != etag(stored_up_to(12), entry("3", 1))


def test_the_etag_stays_while_the_bytes_do() -> None:
    first, second = manifest_of(*PLAIN), manifest_of(*PLAIN)
    moved = tuple(item._replace(source_name=b"elsewhere/" + item.source_name) for item in PLAIN)
    later = Manifest(moved, replace(source_of(first)), changed_ns=10**18)
    tags = {archive_of(TarLayout, manifest).info.etag for manifest in (first, second, later)}
    assert len(tags) == 1
    assert archive_of(TarLayout, later).info.last_modified == 10**9


# Checksums


def test_a_known_checksum_saves_a_reading() -> None:
    crcs, large = CrcCache(), 5 * MIB
    manifest = manifest_of(entry("a", large), entry("b", large), entry("c", 10))
    archive, source = archive_of(stored_up_to(DEFAULT), manifest, crcs), source_of(manifest)
    first = packed(archive)
    assert source.read_bytes == 2 * (large + large) + 10, "for the checksum, and for sending"
    source.read_bytes = 0
    assert packed(archive) == first
    assert source.read_bytes == large + large + 10, "for sending"


def test_a_framed_file_is_read_once() -> None:
    manifest = manifest_of(entry("a", 5 * MIB), entry("b", 3))
    archive = archive_of(stored_up_to(0), manifest)
    packed(archive)
    assert source_of(manifest).read_bytes == 5 * MIB + 3


def test_a_tar_is_read_once() -> None:
    manifest = manifest_of(entry("a", 5 * MIB), entry("b", 3))
    packed(archive_of(TarLayout, manifest))
    assert source_of(manifest).read_bytes == 5 * MIB + 3


def test_only_so_many_checksums_are_kept_and_the_last_used_ones() -> None:
    crcs = CrcCache(max_cached=2)
    crcs.put("a", 1)
    crcs.put("b", 2)
    assert crcs.get("a") == 1
    crcs.put("c", 3)
    assert (crcs.get("a"), crcs.get("b"), crcs.get("c")) == (1, None, 3)


def touched_and_other(path: Path) -> None:
    path.write_bytes(trees.noise(MIB, 2))


def other_with_the_old_time(path: Path) -> None:
    status = path.stat()
    path.write_bytes(trees.noise(MIB, 2))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def another_file_with_the_old_time(path: Path) -> None:
    status = path.stat()
    twin = path.with_name("twin")
    twin.write_bytes(trees.noise(MIB, 2))
    os.utime(twin, ns=(status.st_atime_ns, status.st_mtime_ns))
    twin.rename(path)


CHANGES = [touched_and_other, other_with_the_old_time, another_file_with_the_old_time]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("threshold", [0, DEFAULT])
def test_a_changed_file_never_gets_its_old_checksum(
    tmp_path: Path, change: Callable[[Path], None], threshold: int
) -> None:
    root = trees.noisy(tmp_path / "photos", files=2, size=MIB)
    crcs = CrcCache()
    packed(archive_of(stored_up_to(threshold), asyncio.run(trees.manifest_of(root)), crcs))
    change(root / "00001.jpg")
    data = packed(archive_of(stored_up_to(threshold), asyncio.run(trees.manifest_of(root)), crcs))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert opened.read("00001.jpg") == trees.noise(MIB, 2)


def test_a_file_replaced_between_checksum_and_sending_is_noticed(tmp_path: Path) -> None:
    """Even when the other one has its size and its time."""
    root = tmp_path / "photos" / trees.SOURCE
    trees.write(root / "1.jpg", bytes(9 * MIB))
    making = pulls(archive_of(stored_up_to(DEFAULT), asyncio.run(trees.manifest_of(root))))
    assert next(making) == b"", "a pause in the reading for the checksum"
    twin = root / "twin"
    trees.write(twin, b"x" * (9 * MIB))
    twin.rename(root / "1.jpg")
    with pytest.raises(SourceChangedError):
        consume(making)


def consume(chunks: Iterable[Chunk]) -> None:
    for chunk in chunks:
        as_bytes(chunk)


# What a range in the tail needs of what stands before it


def test_a_tail_is_sent_at_once() -> None:
    before, last = 100 * MIB, 60 * MIB
    manifest = manifest_of(entry("a", before), entry("b", before), entry("c", last))
    archive, source = archive_of(stored_up_to(2 * before), manifest), source_of(manifest)
    whole_length = length_of(archive)
    making = pulls(archive, whole_length - last // 2)
    assert len(next(making)) == MAX_SLICE_BYTES
    assert source.opened == ["c"], "nothing else was looked at before the first byte"
    consume(making)
    read_of_a_and_b = 2 * before
    assert source.read_bytes < read_of_a_and_b + last + last // 2 + MIB, "nothing was read twice"
    assert source.still_open == 0


def test_missing_checksums_are_found_out_while_the_tail_is_sent() -> None:
    manifest = manifest_of(entry("a", 100 * MIB), entry("b", 100 * MIB))
    archive, source = archive_of(stored_up_to(0), manifest), source_of(manifest)
    start = length_of(archive) - 50 * MIB
    read_when_sent = []
    sent = 0
    for chunk in pulls(archive, start):
        sent += len(chunk)
        read_when_sent.append((sent, source.read_bytes))
    half_sent = min(read for sent, read in read_when_sent if sent > 25 * MIB)
    assert 75 * MIB < half_sent < 175 * MIB, "of 250 MiB in all, about half by then"


@pytest.mark.parametrize(
    ("sizes", "threshold", "tail"),
    [
        ([100_000] * 800, DEFAULT, 60_000),  # the central directory of small ones
        ([MAX_SLICE_BYTES - 1] * 20, DEFAULT, 1500),  # each below the size of a pause
        ([100 * MIB] * 2, DEFAULT, 200),
        ([100 * MIB] * 2, 0, 200),
        ([100 * MIB, 100 * MIB, 2 * MIB], DEFAULT, 2 * MIB),  # few bytes to send for much to read
        ([100_000] * 800, 0, 2 * MIB),
        ([100 * MIB] * 2, DEFAULT, None),
        ([100 * MIB] * 2, 0, None),
        ([100_000] * 800, DEFAULT, None),
    ],
)
def test_no_pull_reads_much(sizes: list[int], threshold: int, tail: int | None) -> None:
    """A visitor who leaves is waited for until the end of the pull."""
    manifest = manifest_of(*(entry(f"{number:03}", size) for number, size in enumerate(sizes)))
    source = MemorySource(dict.fromkeys(source_of(manifest).reads, zeros))
    archive = archive_of(stored_up_to(threshold), replace(manifest, source=source))
    before = 0
    for _ in pulls(archive, length_of(archive) - tail if tail else 0):
        assert source.read_bytes - before <= MAX_PULL_BYTES
        before = source.read_bytes
    assert source.still_open == 0
    assert source.read_bytes < 2 * sum(sizes) + MIB, "once for the checksum and once for sending"


def sparse(root: Path, name: str, size: int) -> None:
    path = root / name
    trees.write(path, b"")
    os.truncate(path, size)
    os.utime(path, (trees.MTIME_S, trees.MTIME_S))


@pytest.mark.parametrize("tail", [None, 100])
def test_leaving_in_the_midst_of_a_long_checksum_leaves_nothing(tmp_path: Path, tail: int | None) -> None:
    root = tmp_path / "photos" / trees.SOURCE
    for name in ("1.mov", "2.mov"):
        sparse(root, name, 100 * GIB)

    async def left_early() -> int:
        backend = StoredZip(BackendOptions(stored_threshold=1 << 60))
        archive = await backend.open(await trees.manifest_of(root))
        before, read_before, length = Footprint.now(), bytes_read(), archive.info.length or 0
        async with aclosing(archive.chunks(ByteRange(length - tail if tail else 0, length))) as chunks:
            pull = asyncio.ensure_future(anext(chunks))
            assert await asyncio.to_thread(eventually, lambda: bytes_read() - read_before > 30 * MIB, 60)
            pull.cancel()
            read_then = bytes_read()  # much, when the disk is fast and this comes late
            await asyncio.wait([pull])
        before.assert_unchanged()
        return bytes_read() - read_then

    assert asyncio.run(left_early()) <= MAX_PULL_BYTES


# Slices in hand


def late_reader(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Uses a chunk up only when the next one is ready, as the event loop does with one pull ahead."""
    in_hand: Chunk = b""
    for chunk in chunks:
        yield as_bytes(in_hand)
        in_hand = chunk
    yield as_bytes(in_hand)


MIXED_SIZES = [SMALL_BYTES + 1, 10, 200_000, 210_000, 0, 150_000, 140_000, 250_000, 90_000, 300_000, 160_000]


@pytest.mark.parametrize("threshold", [0, SMALL_BYTES, 150_000, 180_000, 220_000, DEFAULT])
def test_a_slice_is_good_until_the_next_is_asked_for(tmp_path: Path, threshold: int) -> None:
    root = tmp_path / "photos" / trees.SOURCE
    for number, size in enumerate(MIXED_SIZES):
        trees.write(root / f"{number:02}", trees.noise(size, number))
    archive = archive_of(stored_up_to(threshold), asyncio.run(trees.manifest_of(root)))
    data = b"".join(late_reader(pulls(archive)))
    assert data == packed(archive)
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None


@pytest.mark.parametrize("make", [stored_up_to(DEFAULT), TarLayout])
def test_a_slice_in_hand_outlives_a_failure_of_what_comes_next(tmp_path: Path, make: MakeLayout) -> None:
    root = trees.noisy(tmp_path / "photos", files=2, size=MIB)
    with closing(
        archive_of(make, asyncio.run(trees.manifest_of(root)))._packed(ByteRange(0, 2 * MIB))
    ) as making:
        in_hand = next(making)
        assert isinstance(in_hand, FileSlice)
        (root / "00001.jpg").unlink()
        assert next(making) == b"", "the failure waits until the slice is done with"
        assert as_bytes(in_hand)[len(in_hand.head) :] == trees.noise(MIB, 0)[:-1]
        with pytest.raises(SourceChangedError):
            next(making)


@pytest.mark.parametrize("fault", faults.FAULTS)
@pytest.mark.parametrize("size", [1000, 200_000, 9 * MIB])
@every_layout
def test_whatever_happens_under_way_the_bytes_are_right_or_there_is_an_error(
    tmp_path: Path, make: MakeLayout, size: int, fault: Callable[[Path, Path], None]
) -> None:
    for step in range(5):
        base = tmp_path / str(step)
        root = base / "photos" / trees.SOURCE
        trees.write(root / "1.jpg", trees.noise(200_000, 1))
        trees.write(root / faults.VICTIM, trees.noise(size, 2))
        trees.write(root / "zz.jpg", trees.noise(200_000, 3))
        archive = archive_of(make, asyncio.run(trees.manifest_of(root)))
        whole = packed(archive)
        sent = []
        try:
            for number, data in enumerate(late_reader(pulls(archive))):
                sent.append(data)
                if number == step:
                    fault(root, base / "outside")
        except ArchiverError:
            continue
        assert b"".join(sent) == whole


def test_a_record_of_another_length_than_laid_out_breaks_the_download() -> None:
    class Lying(TarLayout):
        def segments(self, record: int) -> tuple[Late]:
            return (Late(512, lambda _: bytes(511)),)

        def run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
            return []

    with pytest.raises(PackingError):
        packed(archive_of(Lying, manifest_of(entry("a"))))


@pytest.mark.parametrize("lie", [-1, 1, 4000])
def test_a_run_of_records_of_another_length_than_laid_out_breaks_the_download(lie: int) -> None:
    class Lying(TarLayout):
        def run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
            told = super().run(first, stop, contents)
            return [bytes(len(b"".join(told)) + lie)] if told else []

    with pytest.raises(PackingError):
        packed(archive_of(Lying, manifest_of(*(entry(f"{number}", 100) for number in range(20)))))


# Runs of records that are made at once


@every_layout
def test_runs_are_what_one_record_after_the_other_is(make: MakeLayout) -> None:
    dice = random.Random(5)
    for _ in range(100):
        manifest = random_manifest(dice)
        archive = archive_of(make, manifest)
        piecemeal = b"".join(
            packed(archive, at, end) for at, end in itertools.pairwise(halved(archive._layout.starts))
        )
        assert packed(archive) == piecemeal


def halved(starts: Iterable[int]) -> list[int]:
    """Those, and a place within each record: no range has a whole record then."""
    return sorted({*starts, *(start + 1 for start in starts)})[:-1]


def test_lengths_are_those_of_the_segments() -> None:
    dice = random.Random(3)
    for _ in range(200):
        manifest = random_manifest(dice)
        for make in (stored_up_to(0), stored_up_to(512), stored_up_to(DEFAULT), TarLayout):
            layout = make(manifest)
            lengths = [layout.length_of(record) for record in range(layout.records())]
            assert list(layout.starts) == [0, *itertools.accumulate(lengths)]


def test_thousands_of_small_ones_and_some_large_between_them() -> None:
    sizes = [100 if number % 50 else 2 * MIB for number in range(3000)]
    manifest = manifest_of(*(entry(f"{number:04}", size) for number, size in enumerate(sizes)))
    with zipfile.ZipFile(io.BytesIO(packed(archive_of(stored_up_to(DEFAULT), manifest)))) as opened:
        assert opened.testzip() is None
        assert [info.file_size for info in opened.infolist()] == sizes
