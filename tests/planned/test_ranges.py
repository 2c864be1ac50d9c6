"""Ranges of planned archives: each is a slice of the whole, wherever it begins and ends."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory_storage import entry, manifest_of
from tests.planned.archives import DEFAULT, LAYOUTS, MIB, MakeLayout, archive_of, around, packed, stored_up_to
from tornado_archiver.backends.tar import TarLayout
from tornado_archiver.contents import READ_BYTES, SMALL_BYTES
from tornado_archiver.crc_cache import CrcCache
from tornado_archiver.packer import MAX_SLICE_BYTES
from tornado_archiver.planned import Plan, PlannedArchive
from tornado_archiver.segments import STORED_BLOCK
from tornado_archiver.source import MAX_CHUNK_BYTES

FRAMED_READ = 16 * STORED_BLOCK
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


EDGES = sorted(
    {
        *around(1, STORED_BLOCK, 2 * STORED_BLOCK, FRAMED_READ, SMALL_BYTES, READ_BYTES, MAX_CHUNK_BYTES),
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
        self.archive = PlannedArchive(Plan(self.layout, self.manifest), self.manifest, CrcCache())
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
