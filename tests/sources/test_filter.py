"""The filter of names: hidden and junk names, with each combination of the settings."""

import pytest

from tornado_archiver.sources.filter import SourceFilter

HIDDEN = [b".env", b".git", b".DS_Store", b"._1.jpg", b"...", b".Thumbs.db"]
JUNK = [
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
    b"1.jpg.download",
    b"1.jpg.opdownload",
    b"1.jpg.!ut",
    b"1.jpg.!qB",
    b"~syncthing~1.jpg.tmp",
    b"1.jpg_original",
    b"1.JPG_original",
    b"clip.3gp_original",
    b"a.b.heic_original",
    b"two\nlines.filepart",
    b"~$letter.docx",
    b"~$two\nlines",
]
HIDDEN_JUNK = [
    b".in.1.jpg.",
    b".in.1.jpg",
    b".pureftpd-upload.5f3a1b2c.15.1a2b.c3d4e5f6",
    b".pureftpd-rename.5f3a1b2c.15.1a2b.c3d4e5f6",
    b".syncthing.1.jpg.tmp",
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
ORDINARY = [
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
    b"download",
    b"in.1.jpg.",
    b"my.download.jpg",
    b"1!ut",
    b"syncthing.1.jpg.tmp",
    b"1.jpg.tmp",
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


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_name_is_accepted(name: bytes) -> None:
    assert SourceFilter().accepts(name)
    assert SourceFilter(include_hidden=True, include_junk=True).accepts(name)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_name_is_accepted_with_include_hidden(name: bytes) -> None:
    assert not SourceFilter().accepts(name)
    assert not SourceFilter(include_junk=True).accepts(name)
    assert SourceFilter(include_hidden=True).accepts(name)


@pytest.mark.parametrize("name", JUNK)
def test_junk_name_is_accepted_with_include_junk(name: bytes) -> None:
    assert not SourceFilter().accepts(name)
    assert not SourceFilter(include_hidden=True).accepts(name)
    assert SourceFilter(include_junk=True).accepts(name)


@pytest.mark.parametrize("name", HIDDEN_JUNK)
def test_hidden_junk_name_is_accepted_with_both_settings(name: bytes) -> None:
    assert not SourceFilter(include_hidden=True).accepts(name)
    assert not SourceFilter(include_junk=True).accepts(name)
    assert SourceFilter(include_hidden=True, include_junk=True).accepts(name)
