"""The benchmarks run, and everything that they measure delivers whole archives. How fast is nobody's test."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.contenders import own_names
from tests.helpers.servers import PROJECT, tool

OWN = own_names()


def names_in_table(report: str, section: str) -> set[str]:
    """What stands in front in a section's table; the backend alone where it is there in several states."""
    text = re.search(rf"^## {section}.*?(?=^## |\Z)", report, re.MULTILINE | re.DOTALL)
    assert text, f"there is no section {section}"
    lines = [line.split(" | ")[0] for line in text[0].splitlines() if line.startswith("| ")]
    return {name.strip("|* ").partition(",")[0] for name in lines[2:]}


# A dozen servers one after the other: half a minute on a machine that does nothing else
@pytest.mark.timeout(600)
def test_a_quick_run_measures_each_backend_and_nginx_by_whole_archives(tmp_path: Path) -> None:
    for program in ("bsdtar", "curl", "nginx", "unzip", "zip"):
        tool(program)
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", ",".join([*OWN, "nginx"])]
    subprocess.run([*command, "--output", tmp_path], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    report = (tmp_path / "RESULTS.md").read_text()
    assert "not measured" not in report.lower()
    for section in ("Photos", "Thumbnails", "Film"):
        assert names_in_table(report, section) == {*OWN, "nginx"}
    assert (tmp_path / "results.svg").read_text().startswith("<svg ")
