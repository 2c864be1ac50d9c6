"""?info: the facts of an archive as JSON, which agree with the archive itself."""

import json
import os
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.integration.archive_link.responses import ALBUM, MEDIA_TYPES, SUFFIXES, get, head_of, page_of
from tests.integration.archive_link.test_names import LINK, written

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
    pytest.mark.parametrize("backend", ["stored-zip"]),
]
ALL = pytest.mark.parametrize(
    "settings", [{"formats": tuple(MEDIA_TYPES)}, {"formats": tuple(MEDIA_TYPES), "top_folder": "{name}"}]
)
SITE = "https://www.example.com"


@ALL
@pytest.mark.parametrize("query", ["", "file=sub/", "name=A+very+long+name", "file=1.jpg&name=x.zip"])
async def test_info_agrees_with_the_archive_in_each_format(
    http_client: AsyncHTTPClient, base_url: str, photos: Path, query: str
) -> None:
    written(photos)
    answer = await get(http_client, f"{base_url}{LINK}?info&{query}")
    assert answer.code == 200
    assert answer.headers["Content-Type"] == "application/json"
    info = json.loads(answer.body)
    assert [each["name"] for each in info["formats"]] == list(MEDIA_TYPES)
    for each in info["formats"]:
        archive = await get(http_client, f"{base_url}{LINK}?format={each['name']}&{query}")
        assert archive.headers.get("Content-Length", "None") == str(each["length"])
        assert archive.headers["Content-Type"] == each["media_type"]
        assert each["suffix"] == SUFFIXES[each["name"]]


async def test_info_counts_files_and_has_the_newest_change(
    http_client: AsyncHTTPClient, base_url: str, photos: Path
) -> None:
    written(photos)
    for path in (photos / "holiday").rglob("*.jpg"):
        os.utime(path, (1_500_000_000, 1_500_000_000))
    os.utime(photos / "holiday" / "1.jpg", (1_600_000_000, 1_600_000_000))
    whole = json.loads((await get(http_client, f"{base_url}{LINK}?info")).body)
    part = json.loads((await get(http_client, f"{base_url}{LINK}?info&file=sub/")).body)
    assert (whole["files"], whole["bytes"], whole["newest"]) == (4, 15, "2020-09-13T12:26:40Z")
    assert (part["files"], part["bytes"], part["newest"]) == (2, 8, "2017-07-14T02:40:00Z")


async def test_info_has_validators_and_is_not_a_download(
    http_client: AsyncHTTPClient, base_url: str, photos: Path
) -> None:
    url = f"{base_url}/archive/{ALBUM}/?info"
    answer = await get(http_client, url)
    assert "Content-Disposition" not in answer.headers
    assert answer.headers["Cache-Control"] == "private, no-cache, no-transform"
    assert head_of(await get(http_client, url, method="HEAD")) == head_of(answer)
    for header, name in (("If-None-Match", "Etag"), ("If-Modified-Since", "Last-Modified")):
        unchanged = await get(http_client, url, headers={header: answer.headers[name]})
        assert (unchanged.code, unchanged.body) == (304, b"")
    (photos / ALBUM / "2.jpg").write_bytes(b"another picture")
    changed = await get(http_client, url, headers={"If-None-Match": answer.headers["Etag"]})
    assert (changed.code, json.loads(changed.body)["files"]) == (200, 2)


@pytest.mark.parametrize("settings", [{"formats": ("tar", "tar.gz")}], ids=["formats"])
async def test_info_of_a_link_with_a_file_name_has_its_formats(
    http_client: AsyncHTTPClient, base_url: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/holiday.tar?info")
    assert [each["name"] for each in json.loads(answer.body)["formats"]] == ["tar"]


@pytest.mark.parametrize(
    "path",
    ["unknown/?info", f"{ALBUM}/?info&file=2.jpg", f"{ALBUM}/x.rar?info", "empty/?info", "%23recycle/?info"],
)
async def test_info_of_a_wrong_link_is_the_404_of_an_unknown_hash(
    http_client: AsyncHTTPClient, base_url: str, path: str
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{path}")
    unknown = await get(http_client, f"{base_url}/archive/unknown/")
    assert (answer.code, page_of(answer), head_of(answer)) == (404, page_of(unknown), head_of(unknown))


@pytest.mark.parametrize("settings", [{"max_entries": 1}], ids=["1 entry"])
async def test_info_obeys_the_limits(http_client: AsyncHTTPClient, base_url: str, photos: Path) -> None:
    written(photos)
    assert (await get(http_client, f"{base_url}{LINK}?info")).code == 413


@pytest.mark.parametrize(
    ("settings", "origin", "expected"),
    [
        ({}, SITE, None),
        ({"cors_origin": (SITE,)}, SITE, SITE),
        ({"cors_origin": (SITE,)}, "https://evil.test", None),
        ({"cors_origin": ("*",)}, "https://evil.test", "*"),
    ],
    ids=["off", "allowed", "other", "all"],
)
@pytest.mark.parametrize("path", [f"{ALBUM}/?info", "unknown/?info"])
async def test_info_is_readable_for_the_configured_site_only(
    http_client: AsyncHTTPClient, base_url: str, path: str, origin: str, expected: str | None
) -> None:
    answer = await get(http_client, f"{base_url}/archive/{path}", headers={"Origin": origin})
    assert answer.headers.get("Access-Control-Allow-Origin") == expected
    archive = await get(http_client, f"{base_url}/archive/{ALBUM}/", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in archive.headers
