"""Image and container: version, upgrade, user, limits, log rotation and health check."""

import os
import time
from typing import Any

import pytest

from tests.helpers.servers import contents, contents_of_zip
from tests.integration.docker.project import ALBUM, Project, archive
from tornado_archiver import __version__

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
CHECK = "config/docker-healthcheck"


def test_image_has_labels_with_version_and_revision(built: Project) -> None:
    built.compose("build", env={"ARCHIVER_REVISION": "0123abc"})
    labels = built.image_labels()
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    assert labels["org.opencontainers.image.title"] == "Tornado Archiver"


@pytest.mark.parametrize("flags", [(), ("--build", "--wait")], ids=["up -d", "up -d --build --wait"])
def test_up_after_a_change_of_the_sources_runs_them(project: Project, flags: tuple[str, ...]) -> None:
    project.up()
    with open(project.directory / "server.py", "a") as source:
        source.write(f"# {flags}\n")
    project.up(*flags)
    assert project.inside("tail", "-n", "1", "server.py").stdout == f"# {flags}\n"


def test_private_photos_are_served_as_the_user_in_archiver_user(project: Project) -> None:
    photos = project.directory / "photos"
    for path in (photos, *photos.rglob("*")):
        os.chown(path, 12345, 23456)
        path.chmod(0o700 if path.is_dir() else 0o600)
    project.configure_compose(ARCHIVER_USER="12345:23456")
    project.up()
    assert contents_of_zip(archive(project.port)) == contents(photos / ALBUM)
    assert project.inside("sh", "-c", "id -u; id -g").stdout.split() == ["12345", "23456"]


def test_container_has_limits_and_rotates_its_log(project: Project) -> None:
    project.up()
    assert _limits(project) == (2 * 1024**3, 4096, 16384, 45, {"max-size": "10m", "max-file": "5"})


def test_variables_of_docker_env_change_the_limits(project: Project) -> None:
    project.configure_compose(
        ARCHIVER_MEMORY_LIMIT="512m",
        ARCHIVER_PIDS_LIMIT=300,
        ARCHIVER_NOFILE_LIMIT=2000,
        ARCHIVER_STOP_GRACE_PERIOD="2m",
        ARCHIVER_LOG_MAX_SIZE="1m",
        ARCHIVER_LOG_MAX_FILES=2,
    )
    project.up()
    assert _limits(project) == (512 * 1024**2, 300, 2000, 120, {"max-size": "1m", "max-file": "2"})


def _limits(project: Project) -> tuple[int, int, int, int, Any]:
    """Return memory, processes, open files, seconds before SIGKILL, and options of the log."""
    inspected = project.inspected()
    host = inspected["HostConfig"]
    (files,) = (limit["Hard"] for limit in host["Ulimits"] if limit["Name"] == "nofile")
    stop_timeout = inspected["Config"]["StopTimeout"]
    return host["Memory"], host["PidsLimit"], files, stop_timeout, host["LogConfig"]["Config"]


def test_health_check_of_a_healthy_service_starts_no_python(project: Project) -> None:
    project.up()
    done = project.inside_with({"PATH": "/nothing"}, f"/app/{CHECK}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "env",
    [{"PORT": 99}, {"ARCHIVER_HOST": "localhost"}, {"PHOTOS_DIR": "/root"}, {"ARCHIVER_CONFIG": "/dev/null"}],
    ids=lambda env: next(iter(env)),
)
def test_health_check_of_any_other_case_is_the_command(project: Project, env: dict[str, object]) -> None:
    project.up()
    by_script = project.inside_with(env, CHECK)
    by_command = project.inside_with(env, "python", "-m", "tornado_archiver", "healthcheck")
    assert "healthcheck: " in by_command.stdout + by_command.stderr
    assert by_script.stdout == by_command.stdout
    assert by_script.returncode == by_command.returncode


def test_health_check_of_a_silent_service_fails_within_its_timeout(project: Project) -> None:
    project.up()
    find_worker = "grep -l archiver-worker /proc/[0-9]*/comm | cut -d / -f 3"
    (worker,) = project.inside("sh", "-c", find_worker).stdout.split()
    project.inside("sh", "-c", f"kill -STOP {worker}")
    started = time.monotonic()
    assert project.inside("timeout", "20", CHECK).returncode == 1
    assert time.monotonic() - started < 20
