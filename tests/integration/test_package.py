"""The package as `pip install .` leaves it in an empty environment, without the checkout."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.checkout import copy_project
from tests.helpers.servers import (
    PROJECT,
    contents,
    contents_of_zip,
    fetch,
    free_port,
    plain_environment,
    tool,
    wait_until_answering,
)
from tornado_archiver import __version__
from tornado_archiver.registry import GROUP, builtin

pytestmark = pytest.mark.timeout(300)  # pip downloads if its cache is empty

TOP_LEVEL = "import importlib.metadata as m; print(*{f.parts[0] for f in m.files('tornado-archiver')})"
OFFERED = f"import importlib.metadata as m; print(*m.entry_points(group='{GROUP}').names)"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the environment's programs."""
    project, environment = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("environment")
    copy_project(project)
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=project)
    options = ("--quiet", "--no-compile", "--root-user-action", "ignore", "--constraint", "requirements.txt")
    run(*PIP, environment / "bin" / "python", "install", *options, ".", cwd=project)
    return environment / "bin"


def run(*command: str | Path, cwd: Path, status: int = 0, **settings: str) -> str:
    """Run a program that exits with this status; return what it prints."""
    ended = subprocess.run(command, cwd=cwd, env=plain_environment(settings), capture_output=True, text=True)
    assert ended.returncode == status, ended.stderr
    return ended.stdout + ended.stderr


AT_ONCE = {"ARCHIVER_SETTLE_TIME": "0"}  # because the demo album was just installed


@contextmanager
def service(programs: Path, cwd: Path) -> Iterator[int]:
    """The installed service with all built-in backends and the demo album; its port."""
    port = free_port()
    command = [str(programs / "tornado-archiver"), "--port", str(port), "--formats", "tar,zip,tar.gz"]
    with subprocess.Popen(command, cwd=cwd, env=plain_environment(AT_ONCE)) as process:
        try:
            wait_until_answering(port, process)
            yield port
        finally:
            process.terminate()
    assert process.returncode == 0


def test_package_has_one_top_level_name(programs: Path, tmp_path: Path) -> None:
    names = set(run(programs / "python", "-c", TOP_LEVEL, cwd=tmp_path).split())
    assert names - {".."} == {"tornado_archiver", f"tornado_archiver-{__version__}.dist-info"}


def test_package_offers_the_built_in_backends_as_a_plugin_does(programs: Path, tmp_path: Path) -> None:
    offered = run(programs / "python", "-c", OFFERED, cwd=tmp_path).split()
    assert set(offered) == {point.name for point in builtin()}


def test_package_declares_all_requirements(programs: Path, tmp_path: Path) -> None:
    assert run(*PIP, programs / "python", "check", cwd=tmp_path) == "No broken requirements found.\n"


def test_package_serves_the_demo_album(programs: Path, tmp_path: Path) -> None:
    tool("zip")
    with service(programs, tmp_path) as port:
        (link,) = re.findall(r"/?(archive/[0-9a-f]{32}/)\"", fetch(port).decode())
        album = contents(PROJECT / "demo" / "photos" / link.split("/")[1])
        for name in ("stored-zip", "zip"):
            assert contents_of_zip(io.BytesIO(fetch(port, f"/{link}?format={name}"))) == album
        assert fetch(port, f"/{link}?format=tar.gz").startswith(b"\x1f\x8b")


def test_package_shows_its_version(programs: Path, tmp_path: Path) -> None:
    shown = run(programs / "tornado-archiver", "--version", cwd=tmp_path)
    assert shown == f"tornado-archiver {__version__}\n"


def test_healthcheck_distinguishes_a_running_and_a_stopped_service(programs: Path, tmp_path: Path) -> None:
    command = (programs / "tornado-archiver", "healthcheck")
    with service(programs, tmp_path) as port:
        assert run(*command, "--port", str(port), cwd=tmp_path).endswith(f":{port}/healthz: status 200\n")
    (line,) = run(*command, cwd=tmp_path, status=1, PORT=str(port)).splitlines()
    assert f"http://127.0.0.1:{port}/healthz: " in line
    assert "refused" in line


def test_sign_link_prints_a_link(programs: Path, tmp_path: Path) -> None:
    command = (programs / "tornado-archiver", "sign-link", "album", "--expires", "1h")
    link = run(*command, cwd=tmp_path, ARCHIVER_LINK_SECRET="a-key-that-signs-links")
    assert re.fullmatch(r"/archive/album/\?expires=\d+&signature=[0-9a-f]{64}\n", link)
