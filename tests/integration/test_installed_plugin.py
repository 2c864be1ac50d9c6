"""An installed plugin, the one in docs/writing-a-backend.md, from its package to its archives."""

import io
import subprocess
import sys
import tarfile
import urllib.error
from pathlib import Path

import pytest

from tests.helpers.docs_backend import write_documented_package
from tests.helpers.servers import PROJECT, contents, fetch, plain_environment, running_server
from tornado_archiver.registry import installed_entry_points


def test_environment_has_no_installed_plugin() -> None:
    """The other tests assume this."""
    assert not list(installed_entry_points())


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory where pip installed the package in docs/writing-a-backend.md.

    Its module creates a file beside it when it is imported.
    """
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("plugins")
    write_documented_package(source)
    with open(source / "tar_xz.py", "a") as module:
        module.write("\nopen(__file__ + '.imported', 'w').close()\n")
    pip_install(source, target)
    return target


def pip_install(source: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-build-isolation", "--no-deps", "--root-user-action", "ignore", "--target", str(target)]
    process = subprocess.run([*command, str(source)], capture_output=True, text=True, env=plain_environment())
    assert process.returncode == 0, process.stderr


@pytest.fixture
def imported(plugins: Path) -> Path:
    """Return the path of the file that exists if a process has imported the plugin."""
    mark = plugins / "tar_xz.py.imported"
    mark.unlink(missing_ok=True)
    return mark


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos/abc/nested").mkdir(parents=True)
    (tmp_path / "photos/abc/1.jpg").write_bytes(bytes(range(256)) * 1000)
    (tmp_path / "photos/abc/nested/Сумерки.txt").write_bytes(b"2")
    return tmp_path / "photos"


def contents_of_tar_xz(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:xz") as archive:
        opened = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        return {name: file.read() for name, file in opened.items() if file}


def test_plugin_as_default_backend_serves_archives(plugins: Path, imported: Path, photos: Path) -> None:
    with running_server(photos, "--backend", "tar.xz", env={"PYTHONPATH": str(plugins)}) as server:
        assert contents_of_tar_xz(fetch(server.port, "/archive/abc/")) == contents(photos / "abc")
    assert imported.exists()


def test_plugin_as_additional_format_serves_archives(plugins: Path, photos: Path) -> None:
    env = {"PYTHONPATH": str(plugins)}
    with running_server(photos, "--backend", "tar.gz", "--formats", "tar.xz", env=env) as server:
        data = fetch(server.port, "/archive/abc/?format=tar.xz")
        assert contents_of_tar_xz(data) == contents(photos / "abc")
        assert fetch(server.port, "/archive/abc/").startswith(b"\x1f\x8b")


def test_unconfigured_plugin_is_not_imported(plugins: Path, imported: Path, photos: Path) -> None:
    with running_server(photos, env={"PYTHONPATH": str(plugins)}) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(server.port, "/archive/abc/?format=tar.xz")
        caught.value.close()
        assert caught.value.code == 400
        assert fetch(server.port, "/archive/abc/").startswith(b"PK")
    assert not imported.exists()


def test_missing_plugin_prevents_start(photos: Path) -> None:
    command = [sys.executable, f"{PROJECT}/server.py", "-P", "0", "--backend", "tar.xz"]
    command += ["--photos-dir", str(photos)]
    process = subprocess.run(command, capture_output=True, text=True, env=plain_environment(), timeout=60)
    assert process.returncode == 2
    assert "there is no backend 'tar.xz'; there are: " in process.stderr
    assert len(process.stderr.splitlines()) == 1


def test_documented_conformance_test_of_plugin_passes(plugins: Path, tmp_path: Path) -> None:
    """Run the unchanged test file of the page; two of its tests suffice to see that it works."""
    write_documented_package(tmp_path)
    (tmp_path / "tar_xz.py").unlink()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "metadata or single_empty",
    ]
    env = plain_environment({"PYTHONPATH": f"{plugins}:{PROJECT}"})
    process = subprocess.run(
        [*command, "test_tar_xz.py"], cwd=tmp_path, capture_output=True, text=True, env=env
    )
    assert process.returncode == 0, process.stdout
    assert "2 passed" in process.stdout
