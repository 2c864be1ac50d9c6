"""Dockerfile and docker-compose.yml on a real engine, as in the README, in a copy of the project."""

import json
import shutil
import subprocess
import tarfile

import pytest

from tests.helpers.servers import PROJECT, contents, contents_of_zip, eventually, fetch, wait_until_answering
from tests.integration.docker.project import ALBUM, Project, archive, write_photo

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


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
    write_photo(album / "later.jpg", b"later")
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
