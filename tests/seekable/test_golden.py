"""Archives whose bytes must not change without a new `version` of the layout, because an interrupted download
would be resumed with other bytes under the same etag."""

import hashlib
import random

import pytest

from tests.helpers.memory_storage import entry, manifest_of
from tests.seekable.archives import LAYOUTS, MIB, archive_of, around, length_of, packed
from tests.seekable.test_very_large import knowing
from tornado_archiver.seekable.archive import SeekableArchive
from tornado_archiver.seekable.stored_blocks import STORED_BLOCK
from tornado_archiver.source import Manifest

S = 10**9
MANIFESTS: dict[str, Manifest] = {
    "small": manifest_of(
        entry("d/", mode=0o755),
        entry("d/empty"),
        entry("d/one", 1, mode=0o600),
        entry("n" * 101, 511),
        entry("old", 512, -S - 1),
        entry("future", 513, (1 << 40) * S + 7),
        entry("été/"),
        entry("été/日本語 🌪.jpg", 3000),
    ),
    "edges": manifest_of(
        *(
            entry(f"{number:02}", size)
            for number, size in enumerate(around(STORED_BLOCK, 128 * 1024, 384 * 1024, MIB))
        ),
        entry("film.mov", 9 * MIB + 5),
    ),
    "many": manifest_of(*(entry(f"{number % 7}/{number:04}", number * 37 % 5000) for number in range(1000))),
    "far": manifest_of(entry("f", 0xFFFFFFFF - 40), entry("g", 0xFFFFFFFF), entry("h/"), entry("é", 1)),
}
GOLDEN = {
    ("small", "stored"): "d85a6834777b4262",
    ("small", "blocks"): "6639467f61c0fef3",
    ("small", "by size"): "8af482058a13e142",
    ("small", "tar"): "b2ebf6e4150683e8",
    ("edges", "stored"): "e8a7fcea9a88a608",
    ("edges", "blocks"): "6383f8580d8d1f63",
    ("edges", "by size"): "49e5ec9d70c6b94e",
    ("edges", "tar"): "07bc5f81b2e4a699",
    ("many", "stored"): "b9142ef60b27958f",
    ("many", "blocks"): "2ff6e442a4c87f20",
    ("many", "by size"): "dd5851bc8b42fae2",
    ("many", "tar"): "cafdd0e5d172d7be",
    ("far", "stored"): "d003b4f3291b5bdc",
    ("far", "blocks"): "cdc37cb99749ce8a",
    ("far", "by size"): "fec8836aa4392285",
    ("far", "tar"): "c91e21e4536057c2",
}


def digest(archive: SeekableArchive) -> str:
    """Return a hash of the whole archive, or of its beginning and its end, and of some ranges."""
    dice, length = random.Random(1), length_of(archive)
    found = hashlib.sha256(f"{archive.info.etag} {length}".encode())
    found.update(packed(archive, 0, min(length, 20 * MIB)))
    found.update(packed(archive, max(0, length - MIB)))
    for _ in range(20):
        start = dice.randrange(length)
        found.update(packed(archive, start, min(length, start + dice.randrange(1, 100_000))))
    return found.hexdigest()[:16]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_archive_bytes_have_not_changed(name: str, layout: str) -> None:
    manifest = MANIFESTS[name]
    crcs = knowing(manifest) if name == "far" else None
    assert digest(archive_of(LAYOUTS[layout], manifest, crcs)) == GOLDEN[name, layout]
