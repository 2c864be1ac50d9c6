"""The name that a download is saved under, by real programs on a real disk."""

import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.servers import Server, running_server, tool

# Each saves under the name that the response has, and fails where the file system refuses it. GNU wget has a
# separate test, because it truncates a long name itself, suffix included.
CLIENTS = {
    "curl": "curl -sS --noproxy * --fail -OJ",
    "wget2": "wget2 -q --no-proxy --tries=1 --content-disposition",
    "aria2c": "aria2c -q --no-conf --all-proxy= --max-tries=1 --file-allocation=none",
}
LONG = {
    "one byte a character": "a" * 255,
    "two bytes": "x" + "ж" * 127,
    "three bytes": "写" * 85,
    "four bytes": "xyz" + "🌪" * 63,
    "with dots": "1.2." * 63 + "abc",
    "with colons": "a:" * 127 + "b",  # each becomes three bytes
}
FORMATS = {"stored-zip": ".zip", "tar.gz": ".tar.gz"}
# Suffixes that browsers and download managers append to incomplete files
MARKS = (".crdownload", ".opdownload", ".download", ".part", ".aria2", ".st")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos = tmp_path_factory.mktemp("photos")
    for name in LONG.values():
        (photos / name).mkdir()
        (photos / name / "1.jpg").write_bytes(b"a picture")
    with running_server(photos, "--formats", "tar.gz") as server:
        yield server


@pytest.mark.parametrize("backend", FORMATS)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", LONG)
def test_archive_with_long_name_is_saved(
    server: Server, tmp_path: Path, client: str, case: str, backend: str
) -> None:
    program, *options = CLIENTS[client].split()
    url = server.url(f"/archive/{urllib.parse.quote(LONG[case])}/?format={backend}")
    subprocess.run([tool(program), *options, url], cwd=tmp_path, check=True, timeout=60)
    (saved,) = tmp_path.iterdir()
    assert saved.stat().st_size > 100
    assert saved.name.endswith(FORMATS[backend])
    for mark in MARKS:
        (tmp_path / f"{saved.name}{mark}").touch()


def test_archive_with_long_ascii_name_is_saved_by_wget(server: Server, tmp_path: Path) -> None:
    """wget truncates other names while they are percent-encoded, at a third of their length."""
    url = server.url(f"/archive/{LONG['one byte a character']}/")
    subprocess.run([tool("wget"), "-q", "--content-disposition", url], cwd=tmp_path, check=True, timeout=60)
    (saved,) = tmp_path.iterdir()
    assert saved.name.endswith(".zip")
