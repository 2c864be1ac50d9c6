"""The versions in CHANGELOG.md, the image and the compose file are the one in `tornado_archiver/__init__.py`."""

import re
from datetime import date

from tests.helpers.servers import PROJECT
from tornado_archiver import __version__

HEADINGS = re.findall(r"^## (.*)$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_changelog_begins_with_unreleased_changes() -> None:
    assert HEADINGS[0] == "Unreleased"


def test_changelog_newest_version_is_the_version_of_the_package() -> None:
    newest, released = HEADINGS[1].split(" - ")
    assert newest == __version__
    assert date.fromisoformat(released)
