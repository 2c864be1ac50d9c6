"""Signed links with a name, with a selection and with ?info."""

# ruff: noqa: F811 - a fixture and the argument of a test have the same name

import json
from pathlib import Path

import pytest

from tests.helpers.servers import Server, contents, contents_of_zip
from tests.integration.test_signed_links import (
    ALBUM,
    FAR,
    answer,
    curl,
    link,
    photos,  # noqa: F401
    server,  # noqa: F401
    signature,
)


@pytest.mark.parametrize(
    ("link_start", "saved_as"),
    [
        (f"/archive/{ALBUM}/Anna%20and%20Ben.zip?", "Anna and Ben.zip"),
        (f"/archive/{ALBUM}/?name=Anna&", "Anna.zip"),
    ],
)
def test_signed_link_with_a_name_is_saved_under_it(
    server: Server, photos: Path, tmp_path: Path, link_start: str, saved_as: str
) -> None:
    name = saved_as if "?name" not in link_start else "Anna"
    signed = signature(ALBUM, f"{FAR}\n{name}")
    url = server.url(f"{link_start}expires={FAR}&signature={signed}")
    done = curl("--fail", "-OJ", "--output-dir", tmp_path, url)
    assert done.returncode == 0
    assert contents_of_zip(tmp_path / saved_as) == contents(photos / ALBUM)


@pytest.mark.parametrize(
    "start",
    [
        f"/archive/{ALBUM}/Anna.zip?",
        f"/archive/{ALBUM}/?name=Hans&",
        f"/archive/{ALBUM}/?name=Anna&name=Anna&",
    ],
)
@pytest.mark.parametrize("signed_name", ["", "\nAnna"])
def test_signed_link_with_another_name_returns_404(server: Server, start: str, signed_name: str) -> None:
    signed = signature(ALBUM, f"{FAR}{signed_name}")
    named = f"{start}expires={FAR}&signature={signed}"
    is_signed = start.count("name=Anna") == 2 and not signed_name  # a repeated name counts as none
    assert answer(server, named).status == (200 if is_signed else 404)


def test_signed_link_opens_any_selection_and_info(server: Server, photos: Path, tmp_path: Path) -> None:
    selection = f"{link()}&file=0001.jpg&file=0002.jpg"
    assert curl("--fail", "-o", tmp_path / "a.zip", server.url(selection)).returncode == 0
    assert sorted(contents_of_zip(tmp_path / "a.zip")) == ["0001.jpg", "0002.jpg"]
    info = json.loads(answer(server, f"{selection}&info").body)
    assert (info["files"], info["formats"][0]["length"]) == (2, (tmp_path / "a.zip").stat().st_size)
    assert answer(server, f"/archive/{ALBUM}/?info").status == 404
