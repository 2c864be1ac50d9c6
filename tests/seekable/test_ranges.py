"""Ranges of seekable archives: each is a slice of the whole, for any start and stop."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.memory_storage import entry, manifest_of
from tests.seekable.archives import (
    DEFAULT,
    LAYOUTS,
    MIB,
    MakeLayout,
    archive_of,
    around,
    packed,
    stored_up_to,
)
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.seekable.archive import Plan, SeekableArchive
from tornado_archiver.seekable.content_reader import READ_BYTES, SMALL_FILE_MAX
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.seekable.packer import MAX_SLICE_BYTES
from tornado_archiver.seekable.stored_blocks import STORED_BLOCK
from tornado_archiver.source import MAX_CHUNK_BYTES

BLOCKS_READ = 16 * STORED_BLOCK
TINY = (entry("d/"), entry("empty"), entry("one", 1), entry("é", 3))


@pytest.mark.parametrize(
    ("make", "step"),
    [(stored_up_to(1), 1), (stored_up_to(0), 5), (stored_up_to(DEFAULT), 5), (TarLayout, 151)],
    ids=["both kinds", "blocks", "stored", "tar"],
)
def test_range_is_a_slice_of_the_whole(make: MakeLayout, step: int) -> None:
    """From every byte of the archive, to every `step`-th one after it."""
    archive = archive_of(make, manifest_of(*TINY))
    whole = packed(archive)
    for start in range(len(whole)):
        for stop in {*range(start + 1, len(whole) + 1, step), len(whole)}:
            assert packed(archive, start, stop) == whole[start:stop], (start, stop)


EDGES = sorted(
    {
        *around(1, STORED_BLOCK, 2 * STORED_BLOCK, BLOCKS_READ, SMALL_FILE_MAX, READ_BYTES, MAX_CHUNK_BYTES),
        *around(SMALL_FILE_MAX + READ_BYTES),
        MAX_SLICE_BYTES,
        MAX_SLICE_BYTES + 1,
        MAX_SLICE_BYTES + 2,
    }
)


class Edged:
    """Files of all sizes at which the code takes another branch; packed once, so the checksums are known."""

    def __init__(self, make: MakeLayout) -> None:
        order = EDGES[::2] + EDGES[1::2]  # large ones before small ones too
        self.manifest = manifest_of(*(entry(f"{number:02}", size) for number, size in enumerate(order)))
        self.layout = make(self.manifest)
        self.archive = SeekableArchive(Plan(self.layout, self.manifest), self.manifest, CrcCache())
        self.whole = packed(self.archive)

    def check(self, start: int, stop: int) -> None:
        assert packed(self.archive, start, stop) == self.whole[start:stop], (start, stop)


EDGED: dict[str, Edged] = {}


@pytest.fixture(params=LAYOUTS)
def edged(request: pytest.FixtureRequest) -> Edged:
    if request.param not in EDGED:
        EDGED[request.param] = Edged(LAYOUTS[request.param])
    return EDGED[request.param]


def test_range_around_a_head_content_or_tail_is_a_slice(edged: Edged) -> None:
    edges, at = [0], 0
    for record in range(edged.layout.record_count):
        head, content, tail = edged.layout.parts(record)
        for length in (len(head), content, len(tail)):
            at += length
            edges.append(at)
        assert at == edged.layout.offsets[record + 1]
    for here, there in itertools.pairwise(edges):
        for start in around(here):
            for stop in (start + 1, start + 2, here + STORED_BLOCK + 5, *around(min(there, here + MIB))):
                if 0 <= start < stop <= at:
                    edged.check(start, stop)


@settings(max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize("name", LAYOUTS)
def test_random_range_is_a_slice(name: str, data: st.DataObject) -> None:
    edged = EDGED.setdefault(name, Edged(LAYOUTS[name])) if name not in EDGED else EDGED[name]
    start = data.draw(st.integers(0, len(edged.whole) - 1))
    stop = data.draw(st.integers(start + 1, len(edged.whole)))
    edged.check(start, stop)


def test_range_around_a_block_header_is_a_slice() -> None:
    """Around the header of each stored block of a file."""
    archive = archive_of(stored_up_to(0), manifest_of(entry("f", 40 * STORED_BLOCK + 7)))
    whole = packed(archive)
    for block in range(41):
        at = 40 + block * (STORED_BLOCK + 5)  # after a local header of 30, a name of 1, a time of 9
        for start, stop in itertools.combinations(range(at - 1, at + 7), 2):
            assert packed(archive, start, stop) == whole[start:stop]
        for start in range(at - 1, at + 7):
            stop = min(start + BLOCKS_READ + STORED_BLOCK, len(whole))
            assert packed(archive, start, stop) == whole[start:stop]
