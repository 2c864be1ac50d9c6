"""Same directory, same bytes, same etag; and another etag for each change of the bytes."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.helpers.memory_storage import MTIME_NS, entry, manifest_of
from tests.helpers.servers import PROJECT
from tests.seekable.archives import DEFAULT, LAYOUTS, MakeLayout, archive_of, packed, source_of, stored_up_to
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.testing import trees

PACK = """
import asyncio, hashlib, pathlib, sys
from tornado_archiver.backends.zip.stored import StoredZip
from tornado_archiver.backends.tar.plain import Tar
from tornado_archiver.backend import BackendOptions
from tornado_archiver.source import read_chunk
from tornado_archiver.testing import trees

async def main(root):
    plain, blocks = BackendOptions(), BackendOptions(stored_threshold=0)
    for backend in (StoredZip(plain), StoredZip(blocks), Tar(plain)):
        archive = await backend.open(await trees.manifest_of(root))
        digest = hashlib.sha256()
        async for chunk in archive.chunks():
            digest.update(read_chunk(chunk))
        print(archive.info.etag, digest.hexdigest())

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def digests_of_another_process(root: Path, zone: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PACK, root],
        cwd=PROJECT,
        env={**os.environ, "TZ": zone},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_archive_is_the_same_on_every_host(tmp_path: Path) -> None:
    here = trees.mixed(tmp_path / "here")
    there = tmp_path / "elsewhere" / "photos" / "another-name"
    shutil.copytree(here, there)
    digests = [digests_of_another_process(here, "UTC"), digests_of_another_process(there, "Asia/Tokyo")]
    assert digests[0] == digests[1]
    assert digests[0] == [f"{tag} {digest}" for tag, digest in asyncio.run(twice(here))]


async def twice(root: Path) -> list[tuple[str, str]]:
    """Return etag and digest by each layout, with known checksums the second time."""
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


def test_etag_changes_with_all_that_the_bytes_depend_on() -> None:
    tags = {
        (name, what): etag(make, *entries)
        for name, make in {**LAYOUTS, "threshold 2": stored_up_to(2), "20": stored_up_to(20)}.items()
        for what, entries in OTHERS.items()
    }
    assert len(set(tags.values())) == len(tags)


def test_etag_separates_threshold_and_name() -> None:
    assert etag(stored_up_to(1), entry("23", 1)) != etag(stored_up_to(12), entry("3", 1))


def test_etag_of_the_same_bytes_is_the_same() -> None:
    first, second = manifest_of(*PLAIN), manifest_of(*PLAIN)
    moved = tuple(item._replace(source_key=b"elsewhere/" + item.source_key) for item in PLAIN)
    later = Manifest(moved, replace(source_of(first)), ctime_ns=10**18)
    tags = {archive_of(TarLayout, manifest).info.etag for manifest in (first, second, later)}
    assert len(tags) == 1
    assert archive_of(TarLayout, later).info.last_modified == 10**9
