"""config/haproxy.cfg in a real haproxy, in front of the real service, asked by a real curl."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.proxies import haproxy
from tests.restart.instances import Instance, two
from tests.servers import contents, contents_of_zip, eventually, tool
from tests.web.visitors import BROKEN_OFF, linked_noise, zips_of

MIB = 1024 * 1024
LOG = ("--enable-logging", "--log-format", "json")

Site = tuple[str, tuple[Instance, Instance]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB, more than all the buffers on the way hold; and next to nothing."""
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=64, size=MIB)
    linked_noise(root / "small", files=3, size=1000)
    return root


@pytest.fixture
def site(photos: Path, tmp_path: Path) -> Iterator[Site]:
    """Two that pack with the zip program, so that lengths are unknown and one can see who is at work."""
    tool("zip")
    with (
        two(photos, "--backend", "zip", "--formats", "stored-zip", *LOG) as instances,
        haproxy((instances[0].port, instances[1].port), tmp_path) as port,
    ):
        yield f"http://127.0.0.1:{port}/archive", instances


def curl(url: str, *options: str | Path) -> list[str | Path]:
    return [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "60", *options, url]


def programs(site: Site) -> list[psutil.Process]:
    """The zips that run for somebody."""
    return [program for instance in site[1] for program in zips_of(instance.server)]


@contextmanager
def under_way(site: Site, saved: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A curl that has got some of the archive, while the program that packs the rest is still running."""
    command = curl(f"{site[0]}/album/", "--limit-rate", "4M", "-o", saved)
    with subprocess.Popen(command) as visitor:
        try:
            assert eventually(lambda: saved.exists() and saved.stat().st_size > 0)
            assert programs(site)
            yield visitor
        finally:
            visitor.kill()


@pytest.mark.parametrize(("version", "query"), [("--http1.1", ""), ("--http1.0", "?format=stored-zip")])
def test_a_whole_archive_comes_through(
    site: Site, photos: Path, tmp_path: Path, version: str, query: str
) -> None:
    saved = tmp_path / "saved.zip"
    subprocess.run(curl(f"{site[0]}/album/{query}", "--fail", version, "-o", saved), check=True)
    assert contents_of_zip(saved) == contents(photos / "album")


def test_a_client_that_could_not_tell_a_broken_archive_gets_none(site: Site, tmp_path: Path) -> None:
    for album, status in (("album", b"505"), ("unknown", b"404")):
        options = ("--http1.0", "-o", tmp_path / "saved", "-w", "%{http_code}")
        assert subprocess.check_output(curl(f"{site[0]}/{album}/", *options)) == status
    assert eventually(lambda: not programs(site))


def test_a_broken_archive_does_not_pass_for_a_whole_one(site: Site, tmp_path: Path) -> None:
    with under_way(site, tmp_path / "saved.zip") as visitor:
        for program in programs(site):
            program.kill()
        assert visitor.wait(timeout=60) in BROKEN_OFF


def test_nothing_is_packed_for_a_visitor_who_has_left(site: Site, tmp_path: Path) -> None:
    with under_way(site, tmp_path / "saved.zip") as visitor:
        visitor.kill()
        assert eventually(lambda: not programs(site))


def test_the_visitor_is_known_by_what_haproxy_saw(site: Site) -> None:
    said = ("--interface", "127.0.1.9", "-H", "X-Forwarded-For: 192.0.2.1")
    subprocess.run(curl(f"{site[0]}/small/", "--fail", *said, "-o", "/dev/null"), check=True)
    assert eventually(lambda: any('"client": "127.0.1.9"' in instance.server.log() for instance in site[1]))


def test_a_dead_archiver_is_not_asked(site: Site) -> None:
    """From the first moment on, before haproxy's check has told it."""
    site[1][0].stop()
    for _ in range(10):
        subprocess.run(curl(f"{site[0]}/small/", "--fail", "-o", "/dev/null"), check=True)
