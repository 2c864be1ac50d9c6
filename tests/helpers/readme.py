"""The shell lines of the README."""

import re

from tests.helpers.servers import PROJECT


def readme_commands(section: str) -> str:
    """Return the indented lines of a section, without the explanations beside them."""
    text = (PROJECT / "README.md").read_text("utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^    (.*?)(?: {2,}#.*)?$", text, re.MULTILINE))
