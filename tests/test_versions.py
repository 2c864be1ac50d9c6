"""The versions in CHANGELOG.md, the Dockerfile and the compose file are the one of the package."""

import re
from datetime import date

import pytest

from tests.helpers.servers import PROJECT
from tornado_archiver import __version__

HEADINGS = re.findall(r"^## (.*)$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_changelog_begins_with_unreleased_changes() -> None:
    assert HEADINGS[0] == "Unreleased"


def test_changelog_newest_version_is_the_version_of_the_package() -> None:
    newest, released = HEADINGS[1].split(" - ")
    assert newest == __version__
    assert date.fromisoformat(released)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("Dockerfile", r'image\.version="(.+?)"'),
        ("config/compose.service.yml", r"ARCHIVER_IMAGE:-tornado-archiver:(.+?)\}"),
        (".docker_env.example", r"ARCHIVER_IMAGE=\S+/tornado-archiver:(\S+)"),
    ],
)
def test_image_version_is_the_version_of_the_package(path: str, pattern: str) -> None:
    assert re.findall(pattern, (PROJECT / path).read_text("utf-8")) == [__version__]
