"""A plugin as its author has it: the service installed from its wheel, strict mypy, pytest, and the start."""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.helpers.checkout import copy_project
from tests.helpers.docs_backend import PAGE, write_documented_package
from tests.helpers.servers import plain_environment

pytestmark = pytest.mark.timeout(300)

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-index", "--no-deps")
CPIO_BACKEND = """

class Cpio(Backend):
    name = "cpio"
    media_type = "application/x-cpio"
    extension = ".cpio"
    interface_version = 1

    async def open(self, manifest: Manifest) -> Archive:
        return SeekableArchive(Plan(CpioLayout(manifest), manifest), manifest)
"""
CPIO_IMPORTS = """
from tornado_archiver.backend import Archive, Backend
from tornado_archiver.seekable.archive import Plan, SeekableArchive
from tornado_archiver.source import Manifest
"""


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a program that exits with this status; return its output."""
    ended = subprocess.run(command, cwd=cwd, env=plain_environment(), capture_output=True, text=True)
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout


def build_wheel(project: Path, into: Path) -> Path:
    run(*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", into, project, cwd=project)
    (wheel,) = into.iterdir()
    return wheel


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the service; the requirements are those of the tests."""
    project, environment = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("environment")
    copy_project(project)
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=project)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = build_wheel(project, tmp_path_factory.mktemp("wheel"))
    interpreter = environment / "bin" / "python"
    run(*PIP, "--python", interpreter, "install", *OFFLINE, wheel, cwd=environment)
    return interpreter


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the documented package."""
    directory = tmp_path_factory.mktemp("plugin")
    write_documented_package(directory)
    return directory


def mypy(python: Path, *files: str, cwd: Path, status: int = 0) -> str:
    command = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", python.parents[1] / "mypy")
    return run(*command, "--python-executable", python, *files, cwd=cwd, status=status)


def test_strict_mypy_accepts_documented_plugin_and_its_test(python: Path, plugin: Path) -> None:
    assert "no issues found in 2 source files" in mypy(python, "tar_xz.py", "test_tar_xz.py", cwd=plugin)


def test_strict_mypy_accepts_documented_layout_without_settings(python: Path, tmp_path: Path) -> None:
    (layout,) = re.findall(r"```python\n(import stat\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "cpio.py").write_text(CPIO_IMPORTS + layout + CPIO_BACKEND)
    assert "no issues found" in mypy(python, "cpio.py", cwd=tmp_path)


@pytest.mark.parametrize(
    ("correct", "wrong", "error"),
    [
        ("self.options.preset", "self.options.presets", '"TarXzOptions" has no attribute "presets"'),
        ("self.options.preset", "str(self.options.preset)", 'incompatible type "str"; expected "int"'),
        ("manifest.entries", "manifest.entry", '"Manifest" has no attribute "entry"'),
        ("async def open", "def open", 'in supertype "tornado_archiver.backend.Backend"'),
    ],
)
def test_strict_mypy_reports_error_in_plugin(
    python: Path, plugin: Path, tmp_path: Path, correct: str, wrong: str, error: str
) -> None:
    text = (plugin / "tar_xz.py").read_text()
    assert correct in text
    (tmp_path / "tar_xz.py").write_text(text.replace(correct, wrong))
    assert error in mypy(python, "tar_xz.py", cwd=tmp_path, status=1)


def test_installed_wheel_of_plugin_is_configured_and_passes_suite(
    python: Path, plugin: Path, tmp_path: Path
) -> None:
    wheel = build_wheel(plugin, tmp_path / "plugins")
    run(*PIP, "--python", python, "install", *OFFLINE, wheel, cwd=tmp_path)
    service = python.parent / "tornado-archiver"
    assert "[backend.tar.xz] preset" in run(service, "--formats", "tar.xz", "--print-config", cwd=tmp_path)
    (tmp_path / "test_tar_xz.py").write_text((plugin / "test_tar_xz.py").read_text())
    selected = ("-k", "metadata or options or interface or single_empty", "-p", "no:cacheprovider")
    assert "4 passed" in run(python, "-m", "pytest", "-q", *selected, "test_tar_xz.py", cwd=tmp_path)
