"""Names in a link: the file name of the download, the format, and the top folder, in every format."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.integration.archive_link.responses import (
    ALBUM,
    KNOWN_LENGTH,
    MEDIA_TYPES,
    SUFFIXES,
    get,
    head_of,
    members,
    page_of,
)

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
]
FILES = {"1.jpg": b"one", "12:30.jpg": b"time", "sub/2.jpg": b"two", "sub/deep/Ünï.jpg": b"three"}
LINK = "/archive/holiday/"


def written(photos: Path, files: Mapping[str, bytes] = FILES) -> None:
    for name, content in files.items():
        path = photos / "holiday" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (photos / "holiday" / "empty").mkdir()


async def test_name_in_query_is_the_file_name_and_nothing_else(
    http_client: AsyncHTTPClient, base_url: str, backend: str
) -> None:
    url = f"{base_url}/archive/{ALBUM}/"
    named, plain = await get(http_client, f"{url}?name=Anna+%26+Ben"), await get(http_client, url)
    head, other = head_of(named), head_of(plain)
    disposition = f'attachment; filename="Anna & Ben{SUFFIXES[backend]}"'
    assert (named.code, head.pop("Content-Disposition")) == (200, disposition)
    other.pop("Content-Disposition")
    assert head == other
    assert members(named.body, backend) == members(plain.body, backend)


async def test_file_name_at_the_end_of_the_link_names_the_download(
    http_client: AsyncHTTPClient, base_url: str, backend: str
) -> None:
    url = f"{base_url}/archive/{ALBUM}/{quote('Anna & Ben')}{SUFFIXES[backend]}"
    answer = await get(http_client, url)
    assert answer.code == 200
    disposition = f'attachment; filename="Anna & Ben{SUFFIXES[backend]}"'
    assert answer.headers["Content-Disposition"] == disposition
    assert members(answer.body, backend) == {"1.jpg": b"a picture"}
    assert head_of(await get(http_client, url, method="HEAD")) == head_of(answer)


@pytest.mark.parametrize("backend", ["zip"])
@pytest.mark.parametrize("settings", [{"formats": tuple(MEDIA_TYPES)}], ids=["all"])
@pytest.mark.parametrize(
    ("end", "status", "media_type"),
    [
        ("holiday.zip", 200, "application/zip"),
        ("holiday.tar", 200, "application/x-tar"),
        ("holiday.tar.gz", 200, "application/gzip"),
        ("HOLIDAY.TAR", 200, "application/x-tar"),
        ("holiday.zip?format=stored-zip", 200, "application/zip"),
        ("holiday.zip?format=tar", 400, ""),
        ("holiday.rar", 404, ""),
        ("holiday", 404, ""),
        ("1.jpg", 404, ""),
        (".zip", 404, ""),
        ("holiday.zip?name=Anna", 404, ""),
    ],
)
async def test_suffix_selects_the_format(
    http_client: AsyncHTTPClient, base_url: str, end: str, status: int, media_type: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/{end}")
    assert answer.code == status
    if status == 200:
        assert answer.headers["Content-Type"] == media_type
        known = media_type == "application/x-tar" or "stored" in end
        assert ("Content-Length" in answer.headers) == known


@pytest.mark.parametrize("backend", ["stored-zip"])
async def test_suffix_of_a_format_that_is_not_offered_is_the_404_of_an_unknown_hash(
    http_client: AsyncHTTPClient, base_url: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/holiday.tar")
    unknown = await get(http_client, f"{base_url}/archive/unknown/")
    assert (answer.code, page_of(answer), head_of(answer)) == (404, page_of(unknown), head_of(unknown))


@pytest.mark.parametrize("settings", [{"top_folder": "{name} {date}"}], ids=["name"])
async def test_top_folder_contains_every_member(
    http_client: AsyncHTTPClient, base_url: str, photos: Path, backend: str
) -> None:
    written(photos)
    answer = await get(http_client, f"{base_url}{LINK}?name=Anna/Ben")
    assert answer.code == 200
    if backend in KNOWN_LENGTH:
        assert int(answer.headers["Content-Length"]) == len(answer.body)
    packed = members(answer.body, backend)
    (folder,) = {name.split("/")[0] for name in packed}
    assert folder.startswith("Anna\uff0fBen 20")
    assert {name.removeprefix(f"{folder}/"): content for name, content in packed.items()} == {
        name.replace(":", "\uff1a"): content for name, content in FILES.items()
    }


@pytest.mark.parametrize("backend", KNOWN_LENGTH)
@pytest.mark.parametrize("settings", [{"top_folder": "{name}"}], ids=["name"])
async def test_top_folder_is_part_of_etag_and_ranges(
    http_client: AsyncHTTPClient, base_url: str, photos: Path
) -> None:
    written(photos)
    whole = await get(http_client, f"{base_url}{LINK}?name=Anna")
    other = await get(http_client, f"{base_url}{LINK}?name=Hans")
    assert len(whole.body) == len(other.body)
    assert whole.headers["Etag"] != other.headers["Etag"]
    middle = len(whole.body) // 2
    headers = {"Range": f"bytes={middle}-", "If-Range": whole.headers["Etag"]}
    rest = await get(http_client, f"{base_url}{LINK}?name=Anna", headers=headers)
    assert (rest.code, rest.body) == (206, whole.body[middle:])
    changed = await get(http_client, f"{base_url}{LINK}?name=Hans", headers=headers)
    assert (changed.code, changed.body) == (200, other.body)
