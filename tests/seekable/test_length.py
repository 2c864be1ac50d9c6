"""The length of a seekable archive is that of its bytes, and they read back, for random entries."""

import io
import random
import tarfile
import zipfile

import pytest

from tests.seekable.archives import DEFAULT, archive_of, packed, random_manifest, source_of, stored_up_to
from tornado_archiver.backends.tar.plain import TarLayout
from tornado_archiver.source import Manifest


@pytest.mark.parametrize("seed", range(4))
def test_length_is_that_of_the_bytes(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(500):
        manifest = random_manifest(dice)
        for make in (stored_up_to(0), stored_up_to(512), stored_up_to(DEFAULT), TarLayout):
            archive = archive_of(make, manifest)
            assert len(packed(archive)) == archive.info.length, [
                item[:1] + item[2:] for item in manifest.entries
            ]


@pytest.mark.parametrize("threshold", [0, 512, DEFAULT])
def test_zip_of_random_entries_reads_back(threshold: int) -> None:
    dice = random.Random(threshold)
    for _ in range(150):
        manifest = random_manifest(dice)
        with zipfile.ZipFile(io.BytesIO(packed(archive_of(stored_up_to(threshold), manifest)))) as opened:
            found = {info.filename: opened.read(info) for info in opened.infolist()}
            modes = [info.external_attr >> 16 & 0o777 for info in opened.infolist()]
        assert found == expected(manifest)
        assert modes == [item.mode for item in manifest.entries]


def test_tar_of_random_entries_reads_back() -> None:
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
