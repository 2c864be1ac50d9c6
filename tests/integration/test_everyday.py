"""One real path through each backend and a proxy: the part of the black-box tests that `make test` runs."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.proxies import nginx
from tests.helpers.servers import Server, contents, running_server, tool
from tornado_archiver.testing import trees

BACKENDS = ("stored-zip", "zip", "tar", "tar.gz")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.mixed(tmp_path_factory.mktemp("everyday"))


@pytest.fixture(scope="module")
def server(album: Path) -> Iterator[Server]:
    tool("zip")
    with running_server(album.parent, "--formats", ",".join(BACKENDS)) as server:
        yield server


def curl(*arguments: str | Path) -> None:
    subprocess.run([tool("curl"), "--fail", "--silent", "--show-error", *arguments], check=True)


def unpacked(archive: Path) -> dict[str, bytes]:
    into = archive.with_suffix(".unpacked")
    into.mkdir()
    subprocess.run([tool("bsdtar"), "-xf", archive, "-C", into], check=True)
    return contents(into)


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_download_contains_the_album(
    server: Server, album: Path, backend: str, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    curl("--output", archive, f"http://127.0.0.1:{server.port}/archive/{album.name}/?format={backend}")
    assert unpacked(archive) == contents(album)


def test_download_through_nginx_is_resumed_to_the_same_bytes(
    server: Server, album: Path, tmp_path: Path
) -> None:
    whole, resumed = tmp_path / "whole.zip", tmp_path / "resumed.zip"
    with nginx([server.port], tmp_path) as port:
        url = f"http://127.0.0.1:{port}/archive/{album.name}/"
        curl("--output", whole, url)
        resumed.write_bytes(whole.read_bytes()[:100_000])
        curl("--continue-at", "-", "--output", resumed, url)
    assert resumed.read_bytes() == whole.read_bytes()
    assert unpacked(whole) == contents(album)
