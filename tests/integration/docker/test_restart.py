"""The container while it stops and restarts, under running downloads."""

import os
import time
from pathlib import Path

import pytest

from tests.helpers.resume_clients import etag_of
from tests.integration.docker.project import ALBUM, Project, archive, write_photo
from tests.integration.restart.downloads import attempts_of, many_downloads

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


def test_an_idle_service_stops_at_once(project: Project) -> None:
    project.up()
    started = time.monotonic()
    assert project.compose("stop").returncode == 0
    assert time.monotonic() - started < 20, "less than the drain-timeout"
    assert project.inspected()["State"]["ExitCode"] == 0


@pytest.fixture
def large(project: Project) -> Project:
    """With an album of 32 MB, so that a download of it is in its middle for a while."""
    write_photo(project.directory / "photos" / ALBUM / "2.jpg", os.urandom(29_000_000))
    return project


RESTARTS = (("restart",), ("up", "-d", "--force-recreate"))


@pytest.mark.parametrize("restart", RESTARTS, ids=" ".join)
def test_downloads_go_on_after_a_restart(large: Project, tmp_path: Path, restart: tuple[str, ...]) -> None:
    large.configure(PHOTOS_DIR="./photos", ARCHIVER_DRAIN_TIMEOUT="1s")
    large.up()
    url, whole = f"http://127.0.0.1:{large.port}/archive/{ALBUM}/", archive(large.port).getvalue()
    with many_downloads(url, 10, tmp_path, etag_of(url)) as downloads:
        done = large.compose(*restart)
        assert done.returncode == 0, done.stderr
    assert min(attempts_of(downloads)) > 1, "they were aborted"
    assert {file.read_bytes() for file in tmp_path.glob("*.zip")} == {whole}


@pytest.mark.parametrize("restart", RESTARTS, ids=" ".join)
def test_a_restart_waits_for_running_downloads(
    large: Project, tmp_path: Path, restart: tuple[str, ...]
) -> None:
    """The drain-timeout is the limit, because the engine's stop timeout is longer. The client connects to the
    gateway address, because the engine's proxy on this host would buffer data and stop with the container."""
    large.up()
    (network,) = large.inspected()["NetworkSettings"]["Networks"].values()
    url = f"http://{network['Gateway']}:{large.port}/archive/{ALBUM}/"
    whole = archive(large.port).getvalue()
    with many_downloads(url, 1, tmp_path, etag_of(url)) as downloads:
        done = large.compose(*restart)
        assert done.returncode == 0, done.stderr
    assert attempts_of(downloads) == [1]
    assert (tmp_path / "0.zip").read_bytes() == whole
