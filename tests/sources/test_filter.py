"""Which names are packed, with the switches as they come and turned round."""

import pytest

from tornado_archiver.sources.filter import SourceFilter

HIDDEN = [b".env", b".git", b".DS_Store", b"._1.jpg", b"...", b".Thumbs.db"]
LITTER = [
    b"Thumbs.db",
    b"THUMBS.DB",
    b"ehthumbs.db",
    b"desktop.ini",
    b"Desktop.ini",
    b"Icon\r",
    b"__MACOSX",
    b"@eaDir",
    b"#recycle",
    b"$RECYCLE.BIN",
    b"System Volume Information",
    b"lost+found",
    b"ehthumbs_vista.db",
    b"RECYCLER",
    b"RECYCLED",
    b"FOUND.000",
    b"@EADIR",
    b"@tmp",
    b"@sharebin",
    b"#RECYCLE",
    b"#snapshot",
    b"@Recycle",
    b"@Recently-Snapshot",
    b"@Transcode",
    b"~snapshot",
    b"Network Trash Folder",
    b"Temporary Items",
    b"holiday.jpg.filepart",
    b"film.mp4.part",
    b"film.mp4.partial",
    b"film.mp4.crdownload",
    b"film.mp4.aria2",
    b"FILM.MP4.PART",
    b"1.jpg_original",
    b"1.JPG_original",
    b"clip.3gp_original",
    b"a.b.heic_original",
    b"two\nlines.filepart",
    b"~$letter.docx",
    b"~$two\nlines",
]
HIDDEN_LITTER = [
    b".unfinished.filepart",
    b".@__thumb",
    b".@upload_cache",
    b".recycle",
    b".snapshot",
    b".snapshots",
    b".snap",
    b".zfs",
    b".Trash",
    b".Trash-1000",
    b".Trashes",
    b".Spotlight-V100",
    b".fseventsd",
    b".TemporaryItems",
]
WANTED = [
    b"1.jpg",
    b"Thumbs.db.jpg",
    b"my Thumbs.db",
    b"thumbsXdb",
    b"desktop.ini2",
    b"Icon",
    b"Icon\n",
    b"recycle",
    b"lost+found.txt",
    b"lostfound",
    b"filepart",
    b"recycled",
    b"Recycler",
    b"Recycled art",
    b"snapshot",
    b"snapshots",
    b"@recycled",
    b"#recycled",
    b"tmp",
    b"@home",
    b"found.jpg",
    b"found.0001",
    b"part",
    b"a.part1.rar",
    b"a.parts",
    b"spare.part.jpg",
    b"aria2",
    b"jpg_original",
    b"1_original",
    b"1_original.jpg",
    b"my_original",
    b"v1.2_original",
    b"Oslo 12.05_original",
    b"holiday.final_original",
    b"a.filepart.jpg",
    b"~letter",
    b"a~$b",
    b"a.b",
    b" .env",
    b"\xff",
    b"",
]


@pytest.mark.parametrize("name", WANTED)
def test_ordinary_names_are_always_packed(name: bytes) -> None:
    assert SourceFilter().accepts(name)
    assert SourceFilter(include_hidden=True, include_litter=True).accepts(name)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_names_are_packed_on_demand(name: bytes) -> None:
    assert not SourceFilter().accepts(name)
    assert not SourceFilter(include_litter=True).accepts(name)
    assert SourceFilter(include_hidden=True).accepts(name)


@pytest.mark.parametrize("name", LITTER)
def test_litter_is_packed_on_demand(name: bytes) -> None:
    assert not SourceFilter().accepts(name)
    assert not SourceFilter(include_hidden=True).accepts(name)
    assert SourceFilter(include_litter=True).accepts(name)


@pytest.mark.parametrize("name", HIDDEN_LITTER)
def test_hidden_litter_needs_both(name: bytes) -> None:
    assert not SourceFilter(include_hidden=True).accepts(name)
    assert not SourceFilter(include_litter=True).accepts(name)
    assert SourceFilter(include_hidden=True, include_litter=True).accepts(name)
