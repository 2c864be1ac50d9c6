"""The exact versions that the tests run with lie in the ranges that the package declares."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers.servers import PROJECT

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))


def pins(path: Path) -> dict[str, str]:
    """Version by name, as a requirements file pins them."""
    lines = (line for line in path.read_text("utf-8").splitlines() if "==" in line)
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def ranges(requirements: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(each.name): each for each in map(Requirement, requirements)}


def outside(ranges: dict[str, Requirement], pins: dict[str, str]) -> set[str]:
    """The names whose pin is not in its range."""
    return {name for name, each in ranges.items() if not each.specifier.contains(pins[name])}


def test_dependencies_and_pins_are_the_same_packages() -> None:
    declared, pinned = ranges(PYPROJECT["project"]["dependencies"]), pins(PROJECT / "requirements.txt")
    assert declared.keys() == pinned.keys()
    assert not outside(declared, pinned)


def test_testing_and_build_requirements_contain_the_development_pins() -> None:
    pinned = pins(PROJECT / "requirements-dev.txt")
    assert not outside(ranges(PYPROJECT["project"]["optional-dependencies"]["testing"]), pinned)
    assert not outside(ranges(PYPROJECT["build-system"]["requires"]), pinned)
