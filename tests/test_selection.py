"""Which names are packed, with the switches as they come and turned round."""

import pytest

from tornado_archiver.selection import Selection

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
    b"holiday.jpg.filepart",
    b"two\nlines.filepart",
    b"~$letter.docx",
    b"~$two\nlines",
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
    assert Selection().wants(name)
    assert Selection(include_hidden=True, include_litter=True).wants(name)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_names_are_packed_on_demand(name: bytes) -> None:
    assert not Selection().wants(name)
    assert not Selection(include_litter=True).wants(name)
    assert Selection(include_hidden=True).wants(name)


@pytest.mark.parametrize("name", LITTER)
def test_litter_is_packed_on_demand(name: bytes) -> None:
    assert not Selection().wants(name)
    assert not Selection(include_hidden=True).wants(name)
    assert Selection(include_litter=True).wants(name)


def test_hidden_litter_needs_both() -> None:
    name = b".unfinished.filepart"
    assert not Selection(include_hidden=True).wants(name)
    assert not Selection(include_litter=True).wants(name)
    assert Selection(include_hidden=True, include_litter=True).wants(name)
