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


# Settings of the plugin

KEY = "0123456789abcdef"
SECTION = "formats = tar.xz\n[backend.tar.xz]\npreset = 0\n[server]\nadmin-port = 0\n"
_DICTIONARY_SIZE_AT = (
    16  # in the first block header, after the stream header of 12 bytes (xz file format 3.1)
)
_DICTIONARY_SIZES = {12: 0, 22: 6}  # preset by encoded size: 256 KiB and 8 MiB


def run(*args: str, cwd: Path, **env: str | Path) -> "subprocess.CompletedProcess[str]":
    environment = plain_environment({name: str(value) for name, value in env.items()})
    command = [sys.executable, f"{PROJECT}/server.py", *args]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("env", "preset"), [({}, 6), ({"ARCHIVER_TAR_XZ_PRESET": "0"}, 0)])
def test_variable_of_plugin_reaches_its_archives(
    plugins: Path, photos: Path, env: dict[str, str], preset: int
) -> None:
    with running_server(photos, "--backend", "tar.xz", env={"PYTHONPATH": str(plugins), **env}) as server:
        data = fetch(server.port, "/archive/abc/")
        assert _DICTIONARY_SIZES[data[_DICTIONARY_SIZE_AT]] == preset
        assert "WARNING" not in server.log()


def test_section_of_plugin_is_shown_with_its_origin(plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "archiver.conf").write_text(SECTION)
    ended = run("--print-config", "--config", "archiver.conf", cwd=tmp_path, PYTHONPATH=plugins)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].split() == [
        *("[backend.tar.xz]", "preset", "0"),
        *("preset", "in", "archiver.conf"),
    ]


@pytest.mark.parametrize("flags", [[], ["--print-config"]])
def test_invalid_value_of_plugin_is_one_error_line(plugins: Path, tmp_path: Path, flags: list[str]) -> None:
    env = {"PYTHONPATH": str(plugins), "ARCHIVER_TAR_XZ_PRESET": "9"}
    ended = run("--backend", "tar.xz", *flags, cwd=tmp_path, **env)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "server.py: [backend.tar.xz] preset: '9' (environment variable ARCHIVER_TAR_XZ_PRESET) is not"
        " allowed: a whole number from 0 to 6\n"
    )


def test_unknown_variable_of_plugin_is_a_warning(plugins: Path, photos: Path) -> None:
    env = {"PYTHONPATH": str(plugins), "ARCHIVER_TAR_XZ_PRESETS": "3"}
    with running_server(photos, "--backend", "tar.xz", env=env) as server:
        warnings = [line for line in server.log().splitlines() if "WARNING" in line]
    assert len(warnings) == 1
    assert warnings[0].endswith(
        "environment variable ARCHIVER_TAR_XZ_PRESETS is not a setting of backend 'tar.xz', did you mean"
        " ARCHIVER_TAR_XZ_PRESET?"
    )


@pytest.mark.parametrize("config", [[], ["--config", "archiver.conf"]])
def test_sign_link_ignores_settings_of_plugin(
    plugins: Path, imported: Path, tmp_path: Path, config: list[str]
) -> None:
    """Also invalid ones, and those of a plugin that a flag of the service enables."""
    (tmp_path / "archiver.conf").write_text(SECTION.replace("preset = 0", "presets ="))
    env = {"PYTHONPATH": str(plugins), "ARCHIVER_TAR_XZ_PRESET": "9", "ARCHIVER_LINK_SECRET": KEY}
    ended = run("sign-link", "album", "--expires", "1h", *config, cwd=tmp_path, **env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("/archive/album/?expires=")
    assert not imported.exists()


def test_healthcheck_ignores_settings_of_plugin(
    plugins: Path, imported: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "archiver.conf").write_text(SECTION.replace("preset = 0", "presets ="))
    with running_server(photos) as server:
        args = ("healthcheck", "--config", "archiver.conf", "--port", str(server.port))
        ended = run(*args, cwd=tmp_path, PYTHONPATH=plugins, ARCHIVER_TAR_XZ_PRESET="9")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not imported.exists()


def test_plugin_for_another_interface_prevents_start(plugins: Path, tmp_path: Path) -> None:
    text = (plugins / "tar_xz.py").read_text().replace("interface_version = 1", "interface_version = 2")
    (tmp_path / "tar_xz.py").write_text(text)
    ended = run("--formats", "tar.xz", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{plugins}")
    assert ended.returncode == 2
    assert ended.stderr == (
        "server.py: formats: 'tar.xz' (flag --formats): backend tar_xz:TarXz of package archiver-tar-xz is"
        " for interface version 2, this service has version 1; install a release of archiver-tar-xz for"
        " version 1, or a newer service\n"
    )


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
