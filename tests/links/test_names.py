"""Names made from a link: the file name of a download, and the top folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.test_member_names import is_valid_everywhere
from tornado_archiver.links.link import ArchiveLink
from tornado_archiver.links.names import download_file_name, has_extension, newest_mtime_s, top_folder
from tornado_archiver.source import Entry

DAY_NS = 86_400 * 10**9
HASH = "3bea29cc"


def entry(name: str, mtime_ns: int = 0) -> Entry:
    return Entry(name, name.encode(), 0, mtime_ns, 0o644)


ENTRIES = (entry("a/", 30 * DAY_NS), entry("a/1.jpg", DAY_NS), entry("a/2.jpg", 2 * DAY_NS))


@pytest.mark.parametrize(
    ("template", "link", "expected"),
    [
        ("{name}", ArchiveLink(HASH), "3bea29cc.zip"),
        ("{name}", ArchiveLink(HASH, name="Anna and Ben"), "Anna and Ben.zip"),
        ("{name}", ArchiveLink(HASH, name="Anna.zip"), "Anna.zip"),
        ("{name}", ArchiveLink(HASH, name="Anna.tar"), "Anna.tar.zip"),
        ("{name}", ArchiveLink(HASH, file_name="holiday.zip"), "holiday.zip"),
        ("{name}", ArchiveLink(HASH, file_name="Holiday.ZIP"), "Holiday.zip"),
        ("{hash}", ArchiveLink(HASH, name="Anna"), "3bea29cc.zip"),
        ("{date} {name}", ArchiveLink(HASH, name="Anna"), "1970-01-03 Anna.zip"),
        ("{{{name}}}", ArchiveLink(HASH, name="{hash}"), "{{hash}}.zip"),  # a name is not a template
        ("{name}", ArchiveLink(HASH, name="a/b\\c:d"), "a\uff0fb\uff3cc\uff1ad.zip"),
        ("{name}", ArchiveLink(HASH, name="../../etc/passwd"), "\uff0f..\uff0fetc\uff0fpasswd.zip"),
        ("{name}", ArchiveLink(HASH, name=".htaccess"), "htaccess.zip"),
        ("{name}", ArchiveLink(HASH, name="..."), "3bea29cc.zip"),
        ("{name}", ArchiveLink(HASH, name="\r\n"), "3bea29cc.zip"),
        ("{name}", ArchiveLink(HASH, name="a\r\nSet-Cookie: b\0"), "aSet-Cookie\uff1a b.zip"),
        ("{name}", ArchiveLink(HASH, name="\u202egpj.exe"), "gpj.exe.zip"),
        ("{name}", ArchiveLink(HASH, name="con"), "con_.zip"),
        ("{name}", ArchiveLink(HASH, name="👨\u200d👩\u200d👧"), "👨\u200d👩\u200d👧.zip"),
        ("{name}", ArchiveLink(HASH, name="n" * 300), "n" * 230 + ".zip"),
    ],
)
def test_download_file_name(template: str, link: ArchiveLink, expected: str) -> None:
    assert download_file_name(template, link, ".zip", ENTRIES) == expected


@pytest.mark.parametrize(
    ("template", "name", "expected"),
    [
        ("{name}", "Anna", "Anna"),
        ("{name}", "Anna.zip", "Anna"),
        ("{name}", "a/b", "a\uff0fb"),
        ("{name}", "..", HASH),
        ("..", "", ".\uff0e"),
        ("{date}", "", "1970-01-03"),
        ("Photos ", "", "Photos\u2420"),
        ("con", "", "con_"),
    ],
)
def test_top_folder(template: str, name: str, expected: str) -> None:
    assert top_folder(template, ArchiveLink(HASH, name=name), ".zip", ENTRIES) == expected


@given(st.text(max_size=300), st.sampled_from([".zip", ".tar.gz"]))
def test_names_from_any_link_are_valid_everywhere(name: str, extension: str) -> None:
    link = ArchiveLink(HASH, name=name)
    assert is_valid_everywhere(download_file_name("{name}", link, extension, ENTRIES))
    assert is_valid_everywhere(top_folder("{name}", link, extension, ENTRIES))


@pytest.mark.parametrize(
    ("file_name", "extension", "expected"),
    [
        ("holiday.zip", ".zip", True),
        ("HOLIDAY.ZIP", ".zip", True),
        ("holiday.tar.gz", ".tar.gz", True),
        ("holiday.tar.gz", ".tar", False),
        ("holiday.zip.jpg", ".zip", False),
        ("holidayzip", ".zip", False),
        (".zip", ".zip", False),
        ("...zip", ".zip", False),
        ("", ".zip", False),
    ],
)
def test_has_extension(file_name: str, extension: str, expected: bool) -> None:
    assert has_extension(file_name, extension) is expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (ENTRIES, 2 * 86_400),
        ((entry("empty/", DAY_NS),), 86_400),
        ((entry("old", -DAY_NS),), 0),
        ((entry("future", 2**62),), 2**62 // 10**9),
        ((entry("far", 10**30),), 253_402_300_799),
    ],
)
def test_newest_mtime_is_that_of_files(entries: tuple[Entry, ...], expected: int) -> None:
    assert newest_mtime_s(entries) == expected
