"""An image with a plugin, made with the Dockerfile and the compose file in docs/writing-a-backend.md."""

import io
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.checkout import copy_project
from tests.helpers.docs_backend import write_documented_image, write_documented_package
from tests.helpers.servers import contents, fetch, free_port, missing, plain_environment
from tests.integration.docker.project import Project

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

IMAGE = "tornado-archiver"  # the name in the documentation
PIP = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir")


def docker(*arguments: str | Path) -> None:
    ended = subprocess.run(["docker", *arguments], env=plain_environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a checkout with the documented files; its images have unique names."""
    try:
        subprocess.run(["docker", "info"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("no Docker engine answers")
    checkout, package = tmp_path / "checkout", tmp_path / "package"
    checkout.mkdir()
    package.mkdir()
    copy_project(checkout)
    write_documented_package(package)
    write_documented_image(checkout)
    subprocess.run([*PIP, checkout / "plugins", package], check=True)
    project = Project(checkout, f"archiver-test-{uuid.uuid4().hex[:8]}", free_port())
    for name in ("plugins/Dockerfile", "docker-compose.override.yml"):
        text = (checkout / name).read_text()
        assert IMAGE in text
        (checkout / name).write_text(text.replace(IMAGE, project.name))
    yield project
    project.compose("down", "-v", "-t", "1")
    for image in (f"{project.name}-plugins", project.name):
        subprocess.run(["docker", "image", "rm", "-f", image], check=False, capture_output=True)


def test_documented_image_serves_archives_of_plugin(project: Project) -> None:
    docker("build", "-t", project.name, project.directory)
    project.configure(PHOTOS_DIR="demo/photos", ARCHIVER_TAR_XZ_PRESET=0)
    project.up()
    (album,) = (path for path in (project.directory / "demo" / "photos").iterdir() if path.is_dir())
    data = fetch(project.port, f"/archive/{album.name}/?format=tar.xz")
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:xz") as archive:
        assert {member.name for member in archive if member.isfile()} == set(contents(album))
    shown = project.inside("python", "server.py", "--print-config").stdout.splitlines()[-1].split()
    assert shown[:3] == ["[backend.tar.xz]", "preset", "0"]
