"""A copy of this project, for tests that build something of it."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.helpers.servers import PROJECT


def copy_project(target: Path) -> None:
    """Copy the files of a fresh clone, and those that are not in version control yet."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=PROJECT, text=True
    )
    for name in listed.split("\0"):
        if not name or not os.path.lexists(PROJECT / name):  # the end, or deleted and still in the index
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target / name, follow_symlinks=False)
