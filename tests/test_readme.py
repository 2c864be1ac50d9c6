"""What the README says is so."""

import re
import subprocess

import pytest

from tests.servers import PROJECT

TEXT = (PROJECT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^    make ([a-z-]+)", TEXT, re.MULTILINE))))
def test_every_make_command_exists(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "path", sorted(PROJECT.glob("*.md")) + sorted((PROJECT / "docs").rglob("*.md")), ids=str
)
def test_every_link_within_the_project_leads_somewhere(path: "object") -> None:
    page = PROJECT / str(path)
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_map_shows_every_room() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {path.stem for path in (PROJECT / "tornado_archiver").iterdir() if not path.name.startswith("__")}
    rooms |= {path.stem for path in (PROJECT / "backends").iterdir() if not path.name.startswith("__")}
    assert not {room for room in rooms if not re.search(rf"\b{room}\b", page)}
