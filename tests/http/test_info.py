"""The JSON document of ?info, and which web sites are allowed to read it."""

import json

import pytest

from tornado_archiver.http.info import FormatInfo, allowed_origin, info_document, info_of_document
from tornado_archiver.source import Entry

FORMATS = [
    FormatInfo("stored-zip", ".zip", "application/zip", 1234),
    FormatInfo("tar.gz", ".tar.gz", "application/gzip", None),
]
ENTRIES = [Entry("a/", b"a", 0, 0, 0o755), Entry("a/1", b"a/1", 5, 0, 0o644), Entry("b", b"b", 2, 0, 0o644)]


def test_info_document_counts_files_and_names_formats() -> None:
    assert json.loads(info_document(ENTRIES, FORMATS, 1_600_000_000)) == {
        "files": 2,
        "bytes": 7,
        "newest": "2020-09-13T12:26:40Z",
        "formats": [
            {"name": "stored-zip", "suffix": ".zip", "media_type": "application/zip", "length": 1234},
            {"name": "tar.gz", "suffix": ".tar.gz", "media_type": "application/gzip", "length": None},
        ],
    }


@pytest.mark.parametrize(
    ("newest", "text"), [(0, "1970-01-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z")]
)
def test_info_document_of_extreme_times_is_valid(newest: int, text: str) -> None:
    assert json.loads(info_document(ENTRIES, FORMATS, newest))["newest"] == text


def test_etag_of_document_changes_with_the_document() -> None:
    documents = [info_document(ENTRIES, FORMATS, newest) for newest in (0, 0, 1)]
    etags = [info_of_document(document, 5).etag for document in documents]
    assert etags[0] == etags[1] != etags[2]


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        ("https://www.example.com", (), ""),
        ("https://www.example.com", ("https://www.example.com",), "https://www.example.com"),
        ("https://www.example.com.evil.test", ("https://www.example.com",), ""),
        ("http://www.example.com", ("https://www.example.com",), ""),
        ("null", ("https://www.example.com",), ""),
        ("", ("https://www.example.com",), ""),
        ("https://www.example.com", ("*",), "*"),
        ("null", ("*",), "*"),
    ],
)
def test_allowed_origin(origin: str, allowed: tuple[str, ...], expected: str) -> None:
    assert allowed_origin(origin, allowed) == expected
