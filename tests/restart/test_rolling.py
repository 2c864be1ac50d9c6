"""Two archivers behind a proxy, restarted one after the other while fifty visitors download."""

import hashlib
from pathlib import Path

import pytest

from tests.proxies import Proxy, haproxy, nginx
from tests.restart.downloads import MIB, many, newcomers, tries
from tests.restart.instances import two
from tests.servers import eventually, fetch
from tests.web.resuming import etag_of
from tornado_archiver.testing import trees

LINK, SMALL = "/archive/album/", "/archive/small/"
VISITORS = 50
# much less than it takes for the rest: who is in the middle is cut
SOON = ("--drain-timeout", "1s")

# 1.4 GB on their way, and to the disk
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """28 MiB, no part like another, and next to nothing."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(7):
        trees.write(root / "album" / f"{number}.jpg", trees.noise(4 * MIB, number))
    trees.write(root / "small" / "1.jpg", b"small")
    return root


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_whoever_goes_on_after_a_restart_has_the_whole_archive(
    photos: Path, tmp_path: Path, proxy: Proxy
) -> None:
    with two(photos, *SOON) as instances, proxy((instances[0].port, instances[1].port), tmp_path) as port:
        archives = {fetch(instance.port, LINK) for instance in instances}
        assert len(archives) == 1, "or the rest would not fit what the other one has sent"
        url = f"http://127.0.0.1:{port}{LINK}"
        with many(url, VISITORS, tmp_path, etag_of(url)) as downloads, newcomers(port, SMALL) as problems:
            for instance in instances:
                instance.stop()
                instance.start()
                assert eventually(instance.is_visited, timeout_s=30), "the proxy has it back"
        taken = tries(downloads)
        assert not problems, "who came meanwhile was served by the other one"
        assert sum(number > 1 for number in taken) >= VISITORS / 2, "they were cut"
        assert_all_have(archives.pop(), tmp_path)


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_nobody_notices_that_settings_are_read_again(photos: Path, tmp_path: Path, proxy: Proxy) -> None:
    with two(photos, *SOON) as instances, proxy((instances[0].port, instances[1].port), tmp_path) as port:
        url = f"http://127.0.0.1:{port}{LINK}"
        with many(url, VISITORS, tmp_path, etag_of(url)) as downloads, newcomers(port, SMALL) as problems:
            for instance in instances:
                instance.reload()
                assert eventually(instance.is_visited, timeout_s=30)
            assert not any(download.done() for download in downloads), "it was in their middle"
        assert (set(tries(downloads)), problems) == ({1}, [])
        assert_all_have(fetch(port, LINK), tmp_path)


def assert_all_have(archive: bytes, directory: Path) -> None:
    """And make room: that is a lot for pytest to keep."""
    saved = list(directory.glob("*.zip"))
    digests = {hashlib.sha256(file.read_bytes()).digest() for file in saved}
    assert len(saved) == VISITORS
    assert digests == {hashlib.sha256(archive).digest()}
    for file in saved:
        file.unlink()
