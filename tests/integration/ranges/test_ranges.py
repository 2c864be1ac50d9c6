"""Parts of an archive, one or several: the same bytes whichever way they are sent."""

import email.message
import io
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import cast

import pytest

from tests.helpers.raw_clients import Answer
from tests.helpers.servers import contents, contents_of_zip
from tests.integration.ranges.album import ALBUM, MEDIA_TYPES, get, head_of

pytestmark = pytest.mark.gen_test(timeout=30)


# The whole


@pytest.mark.usefixtures("http_server")
async def test_archive_has_content_length_and_etag(base_url: str, backend: str, whole: bytes) -> None:
    answer = await get(base_url)
    head = head_of(answer)
    assert re.fullmatch(r'"[0-9a-f]{32}"', head.pop("Etag")), "strong, and safe in any header"
    assert parsedate_to_datetime(head.pop("Last-Modified")) is not None
    suffix = {"stored-zip": "zip"}.get(backend, backend)
    assert (answer.status, head) == (
        200,
        {
            "Content-Type": MEDIA_TYPES[backend],
            "Content-Length": str(len(whole)),
            "Accept-Ranges": "bytes",
            "Content-Disposition": f'attachment; filename="{ALBUM}.{suffix}"',
            "Cache-Control": "private, no-cache, no-transform",
            "X-Robots-Tag": "noindex, nofollow",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        },
    )
    assert answer.body == whole


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("backend", ["stored-zip"], indirect=True)
async def test_archive_contains_the_directory(base_url: str, photos: Path) -> None:
    assert contents_of_zip(io.BytesIO((await get(base_url)).body)) == contents(photos / ALBUM)


# One range


# Range without its unit -> what comes of an archive of n bytes: its first and its last position
RANGES: dict[str, Callable[[int], tuple[int, int]]] = {
    "0-0": lambda n: (0, 0),
    "0-": lambda n: (0, n - 1),
    "1-": lambda n: (1, n - 1),
    "29-31": lambda n: (29, 31),
    "300000-300099": lambda n: (300_000, 300_099),
    "400000-700000": lambda n: (400_000, 700_000),
    "600000-1700000": lambda n: (600_000, 1_700_000),
    "1000000-": lambda n: (1_000_000, n - 1),
    "1799999-1900001": lambda n: (1_799_999, n - 1 if n <= 1_900_001 else 1_900_001),
    "-1": lambda n: (n - 1, n - 1),
    "-22": lambda n: (n - 22, n - 1),
    "-100000": lambda n: (n - 100_000, n - 1),
    "-99999999": lambda n: (0, n - 1),
    "5-99999999": lambda n: (5, n - 1),
    "1-" + "9" * 40: lambda n: (1, n - 1),
}


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("wanted", RANGES)
async def test_single_range_returns_206(base_url: str, backend: str, whole: bytes, wanted: str) -> None:
    first, last = RANGES[wanted](len(whole))
    answer = await get(base_url, f"Range: bytes={wanted}\r\n")
    head = head_of(answer)
    assert (answer.status, head["Content-Range"]) == (206, f"bytes {first}-{last}/{len(whole)}")
    assert (head["Content-Type"], head["Content-Length"]) == (MEDIA_TYPES[backend], str(last - first + 1))
    assert answer.body == whole[first : last + 1]
    assert without_range(head) == without_range(head_of(await get(base_url)))


def without_range(head: dict[str, str]) -> dict[str, str]:
    return {name: head[name] for name in head.keys() - {"Content-Range", "Content-Length"}}


@pytest.mark.usefixtures("http_server")
async def test_range_of_the_last_byte_and_beyond(base_url: str, whole: bytes) -> None:
    n = len(whole)
    answer = await get(base_url, f"Range: bytes={n - 1}-{n - 1}\r\n")
    assert (answer.status, answer.body) == (206, whole[-1:])
    for wanted in (f"{n}-", f"{n}-{n}", f"{n + 5}-{n + 9}", "-0", "9" * 40 + "-"):
        answer = await get(base_url, f"Range: bytes={wanted}\r\n")
        assert answer.status == 416
        head = head_of(answer)
        assert (head["Content-Range"], head["Accept-Ranges"]) == (f"bytes */{n}", "bytes")
        assert head["Content-Length"] == str(len(answer.body))
        assert "Content-Disposition" not in head
        assert answer.body.decode().isprintable() or b"\n" in answer.body
        assert whole[:4] not in answer.body, "a text, nothing of the archive"


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    "field",
    [
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=x-y",
        "bytes=5-4",
        "bytes=0x1-2",
        "bytes=1-2-3",
        "bytes=0-0,x",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes:0-0",
        "items=0-0",
        "0-0",
    ],
)
async def test_malformed_range_returns_the_complete_archive(base_url: str, whole: bytes, field: str) -> None:
    answer = await get(base_url, f"Range: {field}\r\n")
    assert (answer.status, answer.body == whole) == (200, True)
    assert "Content-Range" not in head_of(answer)


# Several ranges


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("0-0,2-2", [(0, 1), (2, 3)]),
        ("600000-1600000,0-9", [(600_000, 1_600_001), (0, 10)]),
        ("0-99,-100", [(0, 100), (-100, None)]),
        ("-1,0-0,-1", [(-1, None), (0, 1), (-1, None)]),
        ("0-9,99999999-,20-29", [(0, 10), (20, 30)]),
        (
            ",".join(f"{n * 1000}-{n * 1000 + 9}" for n in range(10)),
            [(n * 1000, n * 1000 + 10) for n in range(10)],
        ),
    ],
    ids=["bytes", "backwards", "suffix", "twice", "one does not exist", "ten"],
)
async def test_several_ranges_return_parts_in_requested_order(
    base_url: str, backend: str, whole: bytes, wanted: str, expected: list[tuple[int, int | None]]
) -> None:
    answer = await get(base_url, f"Range: bytes={wanted}\r\n")
    assert answer.status == 206
    assert head_of(answer)["Content-Length"] == str(len(answer.body))
    parts = parts_of(answer)
    assert [part.get_payload(decode=True) for part in parts] == [whole[slice(*pair)] for pair in expected]
    assert [str(part["Content-Range"]) for part in parts] == [
        f"bytes {start}-{stop - 1}/{len(whole)}"
        for start, stop, _ in (slice(*pair).indices(len(whole)) for pair in expected)
    ]
    assert {part.get_content_type() for part in parts} == {MEDIA_TYPES[backend]}


def parts_of(answer: Answer) -> list[email.message.Message]:
    head = head_of(answer)
    assert "Content-Range" not in head, "it is in the parts"
    message = email.message_from_bytes(f"Content-Type: {head['Content-Type']}\r\n\r\n".encode() + answer.body)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    return cast(list[email.message.Message], message.get_payload())


@pytest.mark.usefixtures("http_server")
async def test_several_ranges_with_one_satisfiable_return_a_single_part(base_url: str, whole: bytes) -> None:
    answer = await get(base_url, "Range: bytes=5-9,99999999-\r\n")
    assert (answer.status, answer.body) == (206, whole[5:10])
    assert head_of(answer)["Content-Range"] == f"bytes 5-9/{len(whole)}"


@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize(
    "wanted", [",".join(["0-0"] * 11), "0-,0-", "0-1799000,0-1799000"], ids=["eleven", "twice", "overlap"]
)
async def test_too_many_ranges_return_the_complete_archive(base_url: str, whole: bytes, wanted: str) -> None:
    answer = await get(base_url, f"Range: bytes={wanted}\r\n")
    assert (answer.status, answer.body == whole) == (200, True)
