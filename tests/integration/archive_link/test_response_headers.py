"""Headers for caches and search engines, with every status of a link."""

import pytest

from tests.helpers.raw_clients import Answer, ask, request
from tests.integration.archive_link.responses import ALBUM, SHORT_LIVED

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
    pytest.mark.parametrize("backend", ["stored-zip"]),
]

LINK = f"/archive/{ALBUM}/"


def asked(path: str = LINK, headers: str = "", method: str = "GET") -> bytes:
    return request(path, method=method, headers=headers + SHORT_LIVED)


# About the archive: the status, and a request that leads to it
ARCHIVE_RESPONSES = {
    "whole": (200, asked()),
    "head": (200, asked(method="HEAD")),
    "range": (206, asked(headers="Range: bytes=0-9\r\n")),
    "ranges": (206, asked(headers="Range: bytes=0-9,20-29\r\n")),
    "unchanged": (304, asked(headers="If-None-Match: *\r\n")),
    "changed": (412, asked(headers='If-Match: "other"\r\n')),
    "beyond": (416, asked(headers="Range: bytes=99999999-\r\n")),
    "changed, head": (412, asked(headers='If-Match: "other"\r\n', method="HEAD")),
}
# Without an archive
ERROR_RESPONSES = {
    "unknown": (404, asked("/archive/unknown/")),
    "unknown, head": (404, asked("/archive/unknown/", method="HEAD")),
    "no hash": (404, asked("/archive/")),
    "below": (404, asked(f"{LINK}1.jpg")),
    "method": (405, asked(method="POST")),
    "format": (400, asked(f"{LINK}?format=nonsense")),
    "query": (400, asked(f"{LINK}?format=%ff")),
    "body": (400, asked(headers="Content-Type: multipart/form-data\r\nContent-Length: 1\r\n") + b"x"),
}


def fields(answer: Answer, name: str) -> list[str]:
    """The values of all headers of that name."""
    pairs = (header.split(": ", 1) for header in answer.headers)
    return [value for found, value in pairs if found.lower() == name.lower()]


@pytest.mark.parametrize("case", ARCHIVE_RESPONSES)
async def test_archive_response_of_any_status_requires_revalidation(base_url: str, case: str) -> None:
    status, wanted = ARCHIVE_RESPONSES[case]
    answer = await ask(base_url, wanted)
    assert answer.status == status
    assert fields(answer, "Cache-Control") == ["private, no-cache, no-transform"]


@pytest.mark.parametrize("case", ERROR_RESPONSES)
async def test_error_page_below_archive_is_not_stored(base_url: str, case: str) -> None:
    status, wanted = ERROR_RESPONSES[case]
    answer = await ask(base_url, wanted)
    assert answer.status == status
    assert fields(answer, "Cache-Control") == ["no-store"]


@pytest.mark.parametrize("case", ARCHIVE_RESPONSES | ERROR_RESPONSES)
async def test_response_below_archive_is_not_indexed(base_url: str, case: str) -> None:
    status, wanted = (ARCHIVE_RESPONSES | ERROR_RESPONSES)[case]
    answer = await ask(base_url, wanted)
    assert answer.status == status
    assert fields(answer, "X-Robots-Tag") == ["noindex, nofollow"]
