"""Each setting has an effect: some code reads it."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT
from tests.settings.sources import each_option
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.options import OPTIONS

PACKAGE = PROJECT / "tornado_archiver"


def attributes_read(files: Iterable[Path]) -> set[str]:
    """Return the names of all attributes of `settings` that the code reads."""
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _is_settings(node.value)
    }


def _is_settings(node: ast.expr) -> bool:
    """Return whether the expression is called `settings`, such as `self._settings`."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.endswith("settings")


@pytest.fixture(scope="module")
def read() -> set[str]:
    return attributes_read(PACKAGE.rglob("*.py"))


@each_option(OPTIONS)
def test_setting_is_read(option: Option, read: set[str]) -> None:
    assert option.name in read


def test_setting_that_is_only_declared_does_not_count_as_read(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("class Settings:\n    dummy: int = 0\nsettings.dummy = 1\nother.dummy\nsettings.used\n")
    assert attributes_read([module]) == {"used"}
