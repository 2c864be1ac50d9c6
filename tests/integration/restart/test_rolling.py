"""Rolling restart and reload of two instances behind a proxy during fifty downloads."""

import hashlib
from pathlib import Path

import pytest

from tests.helpers.proxies import Proxy, haproxy, nginx
from tests.helpers.resume_clients import etag_of
from tests.helpers.servers import eventually, fetch
from tests.integration.restart.downloads import MIB, attempts_of, many_downloads, short_requests
from tests.integration.restart.instances import two_instances
from tornado_archiver.testing import trees

LINK, SMALL = "/archive/album/", "/archive/small/"
CLIENTS = 50
# much less than the rest of a download takes, so that running downloads are aborted
SHORT_DRAIN = ("--drain-timeout", "1s")

# 1.4 GB are sent and written to the disk
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album of 28 MiB of random bytes, and a small one."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(7):
        trees.write(root / "album" / f"{number}.jpg", trees.noise(4 * MIB, number))
    trees.write(root / "small" / "1.jpg", b"small")
    return root


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_rolling_restart_lets_clients_resume_to_whole_archive(
    photos: Path, tmp_path: Path, proxy: Proxy
) -> None:
    with (
        two_instances(photos, *SHORT_DRAIN) as instances,
        proxy((instances[0].port, instances[1].port), tmp_path) as port,
    ):
        archives = {fetch(instance.port, LINK) for instance in instances}
        assert len(archives) == 1, (
            "both instances must send the same bytes, or a resume would mix two archives"
        )
        url = f"http://127.0.0.1:{port}{LINK}"
        with (
            many_downloads(url, CLIENTS, tmp_path, etag_of(url)) as downloads,
            short_requests(port, SMALL) as errors,
        ):
            for instance in instances:
                instance.stop()
                instance.start()
                assert eventually(instance.has_connections, timeout_s=30), "the proxy uses it again"
        attempts = attempts_of(downloads)
        assert not errors, "the other instance must serve requests meanwhile"
        assert sum(count > 1 for count in attempts) >= CLIENTS / 2, "running downloads must be aborted"
        assert_all_have(archives.pop(), tmp_path)


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_reload_aborts_no_download(photos: Path, tmp_path: Path, proxy: Proxy) -> None:
    with (
        two_instances(photos, *SHORT_DRAIN) as instances,
        proxy((instances[0].port, instances[1].port), tmp_path) as port,
    ):
        url = f"http://127.0.0.1:{port}{LINK}"
        with (
            many_downloads(url, CLIENTS, tmp_path, etag_of(url)) as downloads,
            short_requests(port, SMALL) as errors,
        ):
            for instance in instances:
                instance.reload()
                assert eventually(instance.has_connections, timeout_s=30)
            assert not any(download.done() for download in downloads), (
                "the reload must happen during downloads"
            )
        assert (set(attempts_of(downloads)), errors) == ({1}, [])
        assert_all_have(fetch(port, LINK), tmp_path)


def assert_all_have(archive: bytes, directory: Path) -> None:
    """Compare all saved files with the archive, then delete them, because pytest would keep 1.4 GB."""
    saved = list(directory.glob("*.zip"))
    digests = {hashlib.sha256(file.read_bytes()).digest() for file in saved}
    assert len(saved) == CLIENTS
    assert digests == {hashlib.sha256(archive).digest()}
    for file in saved:
        file.unlink()
