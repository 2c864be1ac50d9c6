"""The README and the docs agree with the project: links, commands, modules."""

import re
import subprocess

import pytest

from tests.helpers.servers import PROJECT

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


def test_architecture_page_lists_every_module_in_its_room() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_/]+)/` \| ((?:`\w+` )+)\|", page, re.MULTILINE)
    assert {room: sorted(re.findall(r"\w+", modules)) for room, modules in rows} == _rooms()


def _rooms() -> dict[str, list[str]]:
    """Return the module names in each package, by its path as the page writes it."""
    rooms: dict[str, list[str]] = {}
    for module in sorted(PROJECT.glob("tornado_archiver/**/*.py")) + sorted(PROJECT.glob("backends/**/*.py")):
        package = str(module.parent.relative_to(PROJECT))
        if not module.name.startswith("__"):
            rooms.setdefault(package.removeprefix("tornado_archiver/"), []).append(module.stem)
    return rooms
