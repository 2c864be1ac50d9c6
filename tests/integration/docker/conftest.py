"""The project as an image of this test run, and an album for it."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from tests.helpers.checkout import copy_project
from tests.helpers.servers import free_port, missing
from tests.integration.docker.project import ALBUM, Project, write_photo


@pytest.fixture(scope="session")
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
    write_photo(album / "1.jpg", os.urandom(200_000))
    write_photo(album / "night" / "Сумерки.jpg", os.urandom(3_000_000))
    built.configure(PHOTOS_DIR="./photos")
    yield built
    built.configure(PHOTOS_DIR="./photos")
    built.compose("down", "-v", "-t", "1")
    shutil.rmtree(built.directory / "photos")
