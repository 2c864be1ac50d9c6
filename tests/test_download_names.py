"""The name under which an archive is saved: by the rules of member names, with room for what clients add."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import Server, contents_of_zip, running_server, tool
from tests.test_member_names import is_valid_everywhere
from tornado_archiver.member_names import MAX_DOWNLOAD_BYTES, download_name
from tornado_archiver.testing import trees

HASHES = {"ascii": "a" * 255, "cyrillic": "ф" * 127, "emoji": "x" + "🌪" * 63}


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("3bea29", "3bea29.tar.gz"),
        ("a" * 240, "a" * 227 + ".tar.gz"),
        ("ф" * 127, "ф" * 113 + ".tar.gz"),
        ("a" * 226 + "." + "b" * 20, "a" * 226 + "\uff0e.tar.gz"),
        ("con", "con_.tar.gz"),
        ("Anna: 12?", "Anna\uff1a 12\uff1f.tar.gz"),
    ],
)
def test_download_name_keeps_its_suffix(stem: str, name: str) -> None:
    assert download_name(stem, ".tar.gz") == name


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=300))
def test_download_name_is_valid_everywhere_with_room_for_more(stem: str) -> None:
    name = download_name(stem, ".zip")
    assert name.endswith(".zip")
    assert is_valid_everywhere(name)
    assert len(name.encode()) <= MAX_DOWNLOAD_BYTES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("photos")
    for name in HASHES.values():
        trees.write(root / name / "1.jpg", b"a picture")
    with running_server(root) as server:
        yield server


CLIENTS = {
    "curl": ("curl", "-fsSOJ"),
    "aria2": ("aria2c", "-q", "--content-disposition-default-utf8=true"),
    "wget2": ("wget2", "-q", "--content-disposition"),
    "wget": ("wget", "-q", "--content-disposition"),
}
# wget cuts a name while it is still percent-encoded, which is three times as long
CASES = [(client, name) for client in CLIENTS for name in HASHES if client != "wget" or name == "ascii"]


@pytest.mark.parametrize(("client", "name"), CASES)
def test_client_saves_archive_with_long_name(server: Server, tmp_path: Path, client: str, name: str) -> None:
    program, *arguments = CLIENTS[client]
    command = [tool(program), *arguments, server.url(f"/archive/{HASHES[name]}/")]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    (saved,) = tmp_path.iterdir()
    assert saved.name.endswith(".zip")
    assert contents_of_zip(saved) == {"1.jpg": b"a picture"}
