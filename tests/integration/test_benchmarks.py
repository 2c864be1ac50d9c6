"""The benchmarks run, and every implementation sends complete archives. Speed is not asserted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.implementations import builtin_backends
from tests.helpers.servers import PROJECT, tool

BACKENDS = builtin_backends()


def implementations_in_table(report: str, section: str) -> set[str]:
    """Return the first column of the section's table, without the state of a backend's CRC cache."""
    text = re.search(rf"^## {section}.*?(?=^## |\Z)", report, re.MULTILINE | re.DOTALL)
    assert text, f"section missing: {section}"
    lines = [line.split(" | ")[0] for line in text[0].splitlines() if line.startswith("| ")]
    return {name.strip("|* ").partition(",")[0] for name in lines[2:]}


# because a dozen servers run one after another: half a minute on an idle machine
@pytest.mark.timeout(600)
def test_benchmarks_quick_run_measures_each_backend_and_nginx(tmp_path: Path) -> None:
    for program in ("bsdtar", "curl", "nginx", "unzip", "zip"):
        tool(program)
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", ",".join([*BACKENDS, "nginx"])]
    subprocess.run([*command, "--output", tmp_path], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    report = (tmp_path / "RESULTS.md").read_text()
    assert "not measured" not in report.lower()
    for section in ("Photos", "Thumbnails", "Film"):
        assert implementations_in_table(report, section) == {*BACKENDS, "nginx"}
    assert (tmp_path / "results.svg").read_text().startswith("<svg ")
