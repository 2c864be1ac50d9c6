"""select and beneath_folder: manifests with some of the members, or with all of them in a folder."""

import pytest

from tests.helpers.memory_storage import MemorySource
from tornado_archiver.errors import ArchiveTooLargeError, SourceNotFoundError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.selection import beneath_folder, select

DISK_NAMES = {  # by member name
    "1.jpg": b"1.jpg",
    "10.jpg": b"10.jpg",
    "12\uff1a30.jpg": b"12:30.jpg",
    "A.jpg": b"A.jpg",
    "a (2).jpg": b"a.jpg",
    "latin %E9.jpg": b"latin \xe9.jpg",
    "link.jpg": b"sub/2.jpg",
    "sub/": b"sub",
    "sub/2.jpg": b"sub/2.jpg",
    "sub/deep/": b"sub/deep",
    "sub/deep/3.jpg": b"sub/deep/3.jpg",
    "sub.jpg": b"sub.jpg",
    "what\uff1f/": b"what?",
    "what\uff1f/4.jpg": b"what?/4.jpg",
}
MANIFEST = Manifest(
    tuple(Entry(name, DISK_NAMES[name], 1, 0, 0o644) for name in sorted(DISK_NAMES)), MemorySource({})
)


def selected(*names: str) -> list[str]:
    return [entry.member_name for entry in select(MANIFEST, names).entries]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["1.jpg"], ["1.jpg"]),
        (["sub/2.jpg", "1.jpg", "1.jpg"], ["1.jpg", "sub/2.jpg"]),
        (["sub/"], ["sub/", "sub/2.jpg", "sub/deep/", "sub/deep/3.jpg"]),
        (["sub/deep/"], ["sub/deep/", "sub/deep/3.jpg"]),
        (["sub/", "sub/2.jpg"], ["sub/", "sub/2.jpg", "sub/deep/", "sub/deep/3.jpg"]),
        (["12:30.jpg"], ["12\uff1a30.jpg"]),
        (["12\uff1a30.jpg"], ["12\uff1a30.jpg"]),
        (["a.jpg"], ["a (2).jpg"]),
        (["A.jpg"], ["A.jpg"]),
        (["latin \udce9.jpg"], ["latin %E9.jpg"]),
        (["what?/"], ["what\uff1f/", "what\uff1f/4.jpg"]),
        (["what?/4.jpg"], ["what\uff1f/4.jpg"]),
        (["link.jpg"], ["link.jpg"]),
    ],
)
def test_select_returns_members_by_their_name_or_that_on_the_disk(
    names: list[str], expected: list[str]
) -> None:
    assert selected(*names) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "2.jpg",
        "1.jpg/",
        "sub",
        "su",
        "sub/dee",
        "sub/deep/3",
        "./1.jpg",
        "sub/../1.jpg",
        "1.JPG",
        "*",
    ],
)
def test_select_of_unknown_name_raises_even_beside_known_ones(name: str) -> None:
    with pytest.raises(SourceNotFoundError):
        selected("1.jpg", name)


def test_selection_always_has_the_report_of_unreadable_files() -> None:
    """Otherwise a folder without its unreadable files would look complete."""
    manifest = Manifest(MANIFEST.entries, MANIFEST.source, report_name="A.jpg")
    names = [entry.member_name for entry in select(manifest, ["sub/deep/"]).entries]
    assert names == ["A.jpg", "sub/deep/", "sub/deep/3.jpg"]


def test_beneath_folder_changes_member_names_only() -> None:
    moved = beneath_folder(MANIFEST, "Holiday")
    assert [entry.member_name for entry in moved.entries] == [
        f"Holiday/{name}" for name in sorted(DISK_NAMES)
    ]
    assert [entry.source_key for entry in moved.entries] == [each.source_key for each in MANIFEST.entries]


@pytest.mark.parametrize(("length", "is_refused"), [(3998, False), (3999, True)])
def test_beneath_folder_refuses_a_path_that_becomes_too_long(length: int, is_refused: bool) -> None:
    long = Manifest((Entry("n" * length, b"x", 1, 0, 0o644),), MemorySource({}))
    if is_refused:
        with pytest.raises(ArchiveTooLargeError, match="top-folder"):
            beneath_folder(long, "f")
    else:
        assert len(beneath_folder(long, "f").entries[0].member_name) == 4000
