"""config/haproxy.cfg with haproxy in front of two instances: whole, broken and abandoned downloads."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.helpers.proxies import haproxy
from tests.helpers.raw_clients import BROKEN_OFF, linked_noise, zips_of
from tests.helpers.servers import contents, contents_of_zip, eventually, tool
from tests.integration.restart.instances import Instance, two_instances

MIB = 1024 * 1024
LOG = ("--enable-logging", "--log-format", "json")

Site = tuple[str, tuple[Instance, Instance]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album of 64 MiB, more than all buffers between server and client, and a small one."""
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=64, size=MIB)
    linked_noise(root / "small", files=3, size=1000)
    return root


@pytest.fixture
def site(photos: Path, tmp_path: Path) -> Iterator[Site]:
    """Two instances with the zip program, so that lengths are unknown and running downloads are visible."""
    tool("zip")
    with (
        two_instances(photos, "--backend", "zip", "--formats", "stored-zip", *LOG) as instances,
        haproxy((instances[0].port, instances[1].port), tmp_path) as port,
    ):
        yield f"http://127.0.0.1:{port}/archive", instances


def curl(url: str, *options: str | Path) -> list[str | Path]:
    return [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "60", *options, url]


def programs(site: Site) -> list[psutil.Process]:
    """Return the running zip processes of both instances."""
    return [program for instance in site[1] for program in zips_of(instance.server)]


@contextmanager
def running_download(site: Site, saved: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start curl and yield it when it has received a part and zip is still running."""
    command = curl(f"{site[0]}/album/", "--limit-rate", "4M", "-o", saved)
    with subprocess.Popen(command) as client:
        try:
            assert eventually(lambda: saved.exists() and saved.stat().st_size > 0)
            assert programs(site)
            yield client
        finally:
            client.kill()


@pytest.mark.parametrize(("version", "query"), [("--http1.1", ""), ("--http1.0", "?format=stored-zip")])
def test_haproxy_passes_whole_archive(
    site: Site, photos: Path, tmp_path: Path, version: str, query: str
) -> None:
    saved = tmp_path / "saved.zip"
    subprocess.run(curl(f"{site[0]}/album/{query}", "--fail", version, "-o", saved), check=True)
    assert contents_of_zip(saved) == contents(photos / "album")


def test_http_1_0_client_gets_505_for_unknown_length(site: Site, tmp_path: Path) -> None:
    for album, status in (("album", b"505"), ("unknown", b"404")):
        options = ("--http1.0", "-o", tmp_path / "saved", "-w", "%{http_code}")
        assert subprocess.check_output(curl(f"{site[0]}/{album}/", *options)) == status
    assert eventually(lambda: not programs(site))


def test_haproxy_passes_on_aborted_download(site: Site, tmp_path: Path) -> None:
    with running_download(site, tmp_path / "saved.zip") as client:
        for program in programs(site):
            program.kill()
        assert client.wait(timeout=60) in BROKEN_OFF


def test_zip_program_ends_when_client_disconnects(site: Site, tmp_path: Path) -> None:
    with running_download(site, tmp_path / "saved.zip") as client:
        client.kill()
        assert eventually(lambda: not programs(site))


def test_haproxy_overwrites_forwarded_header_of_client(site: Site) -> None:
    options = ("--interface", "127.0.1.9", "-H", "X-Forwarded-For: 192.0.2.1")
    subprocess.run(curl(f"{site[0]}/small/", "--fail", *options, "-o", "/dev/null"), check=True)
    assert eventually(lambda: any('"client": "127.0.1.9"' in instance.server.log() for instance in site[1]))


def test_haproxy_retries_on_other_instance_if_one_is_stopped(site: Site) -> None:
    """The retry works before haproxy's health check has failed."""
    site[1][0].stop()
    for _ in range(10):
        subprocess.run(curl(f"{site[0]}/small/", "--fail", "-o", "/dev/null"), check=True)
