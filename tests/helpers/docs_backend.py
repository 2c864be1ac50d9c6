"""The backend that docs/writing-a-backend.md shows, as the package that its reader would make of it."""

import re
from pathlib import Path

from tests.helpers.servers import PROJECT

PAGE = PROJECT / "docs" / "writing-a-backend.md"
_NAMED_BLOCK = re.compile(r"`([\w./-]+)`[^`\n]*:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def documented_files() -> dict[str, str]:
    """The code blocks that the page gives a file name, by that name."""
    return dict(_NAMED_BLOCK.findall(PAGE.read_text("utf-8")))


def write_documented_package(into: Path) -> None:
    """Write the package and its test to the directory `into`, which must exist."""
    for name, text in documented_files().items():
        if name.endswith((".py", ".toml")):
            (into / name).write_text(text, "utf-8")


def write_documented_image(into: Path) -> None:
    """Write the files of the Docker image to `into`, a checkout."""
    for name in ("plugins/Dockerfile", "docker-compose.override.yml"):
        (into / name).parent.mkdir(exist_ok=True)
        (into / name).write_text(documented_files()[name], "utf-8")
