"""?file=: archives of selected members, in every format."""

from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.helpers.raw_clients import ask, request
from tests.integration.archive_link.responses import ALBUM, KNOWN_LENGTH, SHORT_LIVED, get, head_of, members
from tests.integration.archive_link.test_names import FILES, LINK, written

pytestmark = [
    pytest.mark.gen_test(timeout=30),  # the plugin's own 5 s are few for a machine under load
    pytest.mark.usefixtures("app", "http_server"),
]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["1.jpg"], ["1.jpg"]),
        (["12:30.jpg", "sub/2.jpg"], ["12:30.jpg", "sub/2.jpg"]),
        (["sub/"], ["sub/2.jpg", "sub/deep/Ünï.jpg"]),
        (["sub/deep/Ünï.jpg", "1.jpg"], ["1.jpg", "sub/deep/Ünï.jpg"]),
        (["empty/", "1.jpg"], ["1.jpg"]),
    ],
)
async def test_selection_packs_these_members_only(
    http_client: AsyncHTTPClient,
    base_url: str,
    photos: Path,
    backend: str,
    names: list[str],
    expected: list[str],
) -> None:
    written(photos)
    url = f"{base_url}{LINK}?{urlencode([('file', name) for name in names])}"
    answer = await get(http_client, url)
    assert answer.code == 200
    assert members(answer.body, backend) == {name.replace(":", "\uff1a"): FILES[name] for name in expected}
    if backend in KNOWN_LENGTH:
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        assert head_of(await get(http_client, url, method="HEAD")) == head_of(answer)


@pytest.mark.parametrize("backend", KNOWN_LENGTH)
async def test_selection_has_its_own_etag_and_ranges(
    http_client: AsyncHTTPClient, base_url: str, photos: Path
) -> None:
    written(photos)
    one, two, same = [
        await get(http_client, f"{base_url}{LINK}?{query}")
        for query in ("file=1.jpg", "file=1.jpg&file=sub/2.jpg", "file=sub/2.jpg&file=1.jpg&file=1.jpg")
    ]
    assert one.headers["Etag"] != two.headers["Etag"]
    assert (two.headers["Etag"], two.body) == (same.headers["Etag"], same.body)
    rest = await get(http_client, f"{base_url}{LINK}?file=1.jpg", headers={"Range": "bytes=100-"})
    assert (rest.code, rest.body) == (206, one.body[100:])
    unchanged = {"If-None-Match": one.headers["Etag"]}
    assert (await get(http_client, f"{base_url}{LINK}?file=1.jpg", headers=unchanged)).code == 304


@pytest.mark.parametrize("backend", ["stored-zip"])
@pytest.mark.parametrize(
    "name", ["2.jpg", "", "sub", "../holiday/1.jpg", "./1.jpg", "/1.jpg", "sub//2.jpg", ".hidden", "1.jpg\0"]
)
async def test_unknown_member_is_the_404_of_an_unknown_hash(base_url: str, photos: Path, name: str) -> None:
    written(photos)
    (photos / "holiday" / ".hidden").write_bytes(b"secret")
    unknown = await ask(base_url, request("/archive/unknown/", headers=SHORT_LIVED))
    path = f"{LINK}?file=1.jpg&file={quote(name, safe='')}"
    assert await ask(base_url, request(path, headers=SHORT_LIVED)) == unknown
    assert unknown.status == 404


@pytest.mark.parametrize("backend", ["stored-zip"])
@pytest.mark.parametrize("settings", [{"max_bytes": 4}], ids=["4 bytes"])
async def test_size_limit_applies_to_the_selection(
    http_client: AsyncHTTPClient, base_url: str, photos: Path
) -> None:
    """A user can download an album that is too large in parts."""
    written(photos)
    assert (await get(http_client, f"{base_url}{LINK}")).code == 413
    assert (await get(http_client, f"{base_url}{LINK}?file=1.jpg")).code == 200
    assert (await get(http_client, f"{base_url}{LINK}?file=1.jpg&file=sub/2.jpg")).code == 413


@pytest.mark.parametrize("backend", ["stored-zip"])
async def test_selection_up_to_the_limit_of_the_header_section(
    http_client: AsyncHTTPClient, base_url: str, photos: Path
) -> None:
    names = [f"{number:04}.jpg" for number in range(900)]
    written(photos, dict.fromkeys(names, b"x"))
    query = urlencode([("file", name) for name in names])
    answer = await get(http_client, f"{base_url}{LINK}?{query}")
    assert answer.code == 200
    assert sorted(members(answer.body, "stored-zip")) == names


@pytest.mark.parametrize("backend", ["stored-zip"])
async def test_selection_by_post_is_not_offered(http_client: AsyncHTTPClient, base_url: str) -> None:
    answer = await get(http_client, f"{base_url}/archive/{ALBUM}/", method="POST", body="file=1.jpg")
    assert answer.code == 405
