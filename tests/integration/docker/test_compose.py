"""Dockerfile and docker-compose.yml on a real engine, as in the README, in a copy of the project."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.checkout import copy_project
from tests.helpers.resume_clients import etag_of
from tests.helpers.servers import (
    PROJECT,
    contents,
    contents_of_zip,
    eventually,
    fetch,
    free_port,
    missing,
    plain_environment,
    wait_until_answering,
)
from tests.integration.restart.downloads import attempts_of, many_downloads

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of this project with separate images, containers and port."""

    directory: Path
    name: str
    port: int

    @property
    def image(self) -> str:
        return f"{self.name}-archiver"

    def configure(self, **settings: object) -> None:
        """Write .docker_env, and .env with these settings. A new album is served at once."""
        settings = {"ARCHIVER_SETTLE_TIME": "0", **settings}
        (self.directory / ".docker_env").write_text(f"PORT={self.port}\n")
        (self.directory / ".env").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def compose(
        self, *arguments: str, env_file: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`docker compose --env-file .docker_env <arguments>`, or without its env file."""
        command = ["docker", "compose", "-p", self.name]
        if env_file:
            command += ["--env-file", ".docker_env"]
        return subprocess.run(
            [*command, *arguments],
            cwd=self.directory,
            env=plain_environment(env),
            capture_output=True,
            text=True,
        )

    def up(self, **env: str) -> None:
        """Start, or apply the changes of .env, and wait for a response."""
        done = self.compose("up", "-d", env=env)
        assert done.returncode == 0, done.stderr
        wait_until_answering(self.port)

    def inspected(self) -> Any:
        """Return the output of `docker inspect` for the container."""
        container = self.compose("ps", "-aq").stdout.strip()
        return json.loads(subprocess.check_output(["docker", "inspect", container]))[0]

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container."""
        return self.compose("exec", "-T", "archiver", *command)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    try:
        subprocess.run(["docker", "info"], check=True, capture_output=True)
        subprocess.run(["docker", "compose", "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("no Docker engine with compose answers")
    directory = tmp_path_factory.mktemp("project")
    copy_project(directory)
    project = Project(directory, f"archiver-test-{uuid.uuid4().hex[:8]}", free_port())
    project.configure(PHOTOS_DIR="demo/photos")
    try:
        done = project.compose("build")
        assert done.returncode == 0, done.stderr
        yield project
    finally:
        subprocess.run(["docker", "image", "rm", "-f", project.image], check=False, capture_output=True)


@pytest.fixture
def project(built: Project) -> Iterator[Project]:
    """The built project, stopped, with ./photos for its PHOTOS_DIR and an album in there."""
    album = built.directory / "photos" / ALBUM
    (album / "night").mkdir(parents=True)
    (album / "1.jpg").write_bytes(os.urandom(200_000))
    (album / "night" / "Сумерки.jpg").write_bytes(os.urandom(3_000_000))
    built.configure(PHOTOS_DIR="./photos")
    yield built
    built.configure(PHOTOS_DIR="./photos")
    built.compose("down", "-v", "-t", "1")
    shutil.rmtree(built.directory / "photos")


def archive(port: int, album: str = ALBUM) -> io.BytesIO:
    return io.BytesIO(fetch(port, f"/archive/{album}/"))


def test_photos_are_served_on_the_port_of_docker_env(project: Project) -> None:
    project.up()
    assert contents_of_zip(archive(project.port)) == contents(project.directory / "photos" / ALBUM)
    assert b"<html" in fetch(project.port, "/")


def test_the_examples_make_a_working_demo(project: Project) -> None:
    for name in (".env", ".docker_env"):
        shutil.copy(project.directory / f"{name}.example", project.directory / name)
    project.up(PORT=str(project.port))  # 7777 may be taken here
    albums = [path for path in (project.directory / "demo" / "photos").iterdir() if path.is_dir()]
    assert albums
    for album in albums:
        assert contents_of_zip(archive(project.port, album.name)) == contents(album)


def test_a_photo_that_comes_later_is_served(project: Project) -> None:
    project.up()
    archive(project.port)
    album = project.directory / "photos" / ALBUM
    (album / "later.jpg").write_bytes(b"later")
    assert contents_of_zip(archive(project.port)) == contents(album)


def test_a_setting_of_env_reaches_the_service(project: Project) -> None:
    project.up()
    project.configure(PHOTOS_DIR="./photos", ARCHIVER_BACKEND="tar.gz")
    project.up()
    with tarfile.open(fileobj=archive(project.port), mode="r:gz") as opened:
        files = [member.name for member in opened if member.isfile()]
    assert sorted(files) == sorted(contents(project.directory / "photos" / ALBUM))


def test_settings_of_the_host_do_not_reach_the_service(project: Project) -> None:
    project.configure(PHOTOS_DIR=project.directory / "photos", PORT=1, ARCHIVER_HOST="127.0.0.1")
    project.up()
    assert contents_of_zip(archive(project.port))


def test_the_container_can_change_nothing(project: Project) -> None:
    project.up()
    assert project.inside("id", "-u").stdout.strip() not in ("", "0")
    for path in ("/new", "/app/new", "/tmp/new", "/photos/new"):
        assert "Read-only file system" in project.inside("touch", path).stderr
    assert int(project.inside("sh", "-c", "grep CapBnd /proc/1/status | cut -f 2").stdout, 16) == 0


def test_it_becomes_healthy(project: Project) -> None:
    project.up()
    assert eventually(lambda: project.inspected()["State"]["Health"]["Status"] == "healthy", timeout_s=120)


def test_an_idle_service_stops_at_once(project: Project) -> None:
    project.up()
    started = time.monotonic()
    assert project.compose("stop").returncode == 0
    assert time.monotonic() - started < 20, "less than the drain-timeout"
    assert project.inspected()["State"]["ExitCode"] == 0


# ---- restarts under running downloads


@pytest.fixture
def large(project: Project) -> Project:
    """With an album of 32 MB, so that a download of it is in its middle for a while."""
    (project.directory / "photos" / ALBUM / "2.jpg").write_bytes(os.urandom(29_000_000))
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


@pytest.mark.parametrize("line", ["", "PHOTOS_DIR=\n"])
def test_a_missing_photos_dir_is_named(project: Project, line: str) -> None:
    (project.directory / ".env").write_text(line)
    done = project.compose("up", "-d")
    assert done.returncode != 0
    assert "set PHOTOS_DIR in .env" in done.stderr


def test_a_missing_env_is_named(project: Project) -> None:
    (project.directory / ".env").unlink()
    assert "set PHOTOS_DIR in .env" in project.compose("up", "-d").stderr


def test_a_photos_dir_that_does_not_exist_is_not_made(project: Project) -> None:
    project.configure(PHOTOS_DIR="./photo")
    done = project.compose("up", "-d")
    assert done.returncode != 0
    assert str(project.directory / "photo") in done.stderr
    assert not (project.directory / "photo").exists()


def test_docker_env_can_be_left_out(project: Project) -> None:
    (project.directory / ".docker_env").unlink()
    service = json.loads(project.compose("config", "--format", "json", env_file=False).stdout)["services"][
        "archiver"
    ]
    assert [(port["published"], port["target"]) for port in service["ports"]] == [("7777", 7777)]
    assert [volume["source"] for volume in service["volumes"]] == [str(project.directory / "photos")]


def test_the_image_alone_serves_the_demo_album(project: Project) -> None:
    """Without compose: a flag instead of a setting, any user, a read-only file system, nothing mounted."""
    run = [
        "docker",
        "run",
        "--detach",
        "--read-only",
        "--user",
        "54321",
        "--publish",
        f"127.0.0.1:{project.port}:7777",
    ]
    container = subprocess.check_output([*run, project.image, "--backend", "tar.gz"], text=True).strip()
    try:
        wait_until_answering(project.port)
        album = next((PROJECT / "demo" / "photos").iterdir())
        assert f"archive/{album.name}/".encode() in fetch(project.port)
        with tarfile.open(fileobj=archive(project.port, album.name), mode="r:gz") as opened:
            assert {member.name for member in opened if member.isfile()} == set(contents(album))
        subprocess.run(["docker", "stop", container], check=True, capture_output=True)
        state = subprocess.check_output(
            ["docker", "inspect", "-f", "{{.State.ExitCode}}", container], text=True
        )
        assert state.strip() == "0"
    finally:
        subprocess.run(["docker", "rm", "-f", container], check=True, capture_output=True)
