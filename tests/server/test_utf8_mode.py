"""The service in locales that are not UTF-8: file names are bytes, links and archives are UTF-8."""

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.helpers.servers import PROJECT, Server, fetch, missing, plain_environment, running_server, tool

ALBUM = "Übung"
NAMES = {"Grüße.jpg": b"greetings", "日本/Фото 🌪.jpg": b"a picture", "plain.txt": b"plain " * 100}
NOT_UTF_8 = {"%FF.jpg": b"\xff.jpg"}  # by member name
FORMATS = ("stored-zip", "zip", "tar", "tar.gz")
# Locales with the input and charmap that localedef(1) compiles them from
LOCALES = {"C": None, "de_DE.ISO-8859-1": ("de_DE", "ISO-8859-1"), "ja_JP.EUC-JP": ("ja_JP", "EUC-JP")}

Environment = Mapping[str, str]


@pytest.fixture(scope="module", params=LOCALES)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    name: str = request.param
    switches = {"LC_ALL": name, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    if (definition := LOCALES[name]) is None:
        return switches
    directory = tmp_path_factory.mktemp("locales")
    source, charmap = definition
    result = subprocess.run(
        [tool("localedef"), "-c", "-i", source, "-f", charmap, directory / name], capture_output=True
    )
    if not (directory / name).is_dir():
        missing(f"localedef needs the sources of locales: {result.stderr.decode()}")
    return {**switches, "LOCPATH": str(directory)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("Fotos für alle")
    for name, content in NAMES.items():
        (root / ALBUM / name).parent.mkdir(parents=True, exist_ok=True)
        (root / ALBUM / name).write_bytes(content)
    for on_disk in NOT_UTF_8.values():
        with open(os.fsencode(root / ALBUM) + b"/" + on_disk, "wb") as file:
            file.write(on_disk)
    return root


@pytest.fixture(scope="module")
def server(environment: Environment, photos: Path) -> Iterator[Server]:
    tool("zip")
    options = ("--formats", ",".join(FORMATS), "--download-name", "Grüße {hash}", "--enable-logging")
    with running_server(photos, *options, env=environment) as running:
        yield running


def test_locale_is_not_utf_8(environment: Environment) -> None:
    command = [sys.executable, "-c", "import sys; print(sys.getfilesystemencoding())"]
    result = subprocess.run(command, env=plain_environment(environment), capture_output=True, check=True)
    assert result.stdout.strip() in {b"ascii", b"iso8859-1", b"euc_jp"}


@pytest.mark.parametrize("archive", FORMATS)
def test_archive_has_names_and_contents_of_disk(server: Server, tmp_path: Path, archive: str) -> None:
    packed = tmp_path / archive
    packed.write_bytes(fetch(server.port, f"/archive/{quote(ALBUM)}/?format={archive}"))
    assert contents_of(packed) == NAMES | NOT_UTF_8
    command = [tool("unzip"), "-tqq"] if "zip" in archive else [tool("tar"), "-tf"]
    subprocess.run([*command, packed], check=True, stdout=subprocess.DEVNULL)


def contents_of(packed: Path) -> dict[str, bytes]:
    if "zip" in packed.name:
        with zipfile.ZipFile(packed) as opened:
            return {info.filename: opened.read(info) for info in opened.infolist() if not info.is_dir()}
    with tarfile.open(packed) as opened_tar:
        files = [(info.name, opened_tar.extractfile(info)) for info in opened_tar]
        return {name: file.read() for name, file in files if file}


def test_file_name_in_headers_follows_setting(server: Server) -> None:
    command = [tool("curl"), "-sSI", "--noproxy", "*", server.url(f"/archive/{quote(ALBUM)}/")]
    headers = subprocess.run(command, capture_output=True, check=True).stdout.decode("latin-1")
    assert f"filename*=UTF-8''{quote('Grüße Übung.zip')}" in headers


def test_log_is_utf_8(server: Server, photos: Path) -> None:
    assert f"serving {photos} as stored-zip" in server.log()


@pytest.mark.parametrize("place", ["flag", "config file", ".env", "environment"])
def test_print_config_shows_path_unchanged(
    environment: Environment, tmp_path: Path, place: str, photos: Path
) -> None:
    (tmp_path / "my.conf").write_text(f"photos-dir = {photos}\n", "utf-8")
    if place == ".env":
        (tmp_path / ".env").write_text(f"PHOTOS_DIR='{photos}'\n", "utf-8")
    given = {"flag": ["--photos-dir", str(photos)], "config file": ["-c", "my.conf"]}.get(place, [])
    more = {"PHOTOS_DIR": str(photos)} if place == "environment" else {}
    result = subprocess.run(
        [sys.executable, f"{PROJECT}/server.py", *given, "--print-config"],
        cwd=tmp_path,
        env=plain_environment({**environment, **more}),
        capture_output=True,
        check=True,
    )
    assert str(photos) in result.stdout.decode("utf-8")
    assert not result.stderr


def test_link_command_prints_same_link_in_any_locale(environment: Environment, tmp_path: Path) -> None:
    key = tmp_path / "schlüssel"
    key.write_text("a-key-that-signs-links\n")
    command = [sys.executable, "-m", "tornado_archiver", "sign-link", ALBUM, "--expires", "1h"]
    result = subprocess.run(
        [*command, "--link-secret-file", str(key)],
        cwd=tmp_path,
        env=plain_environment({**environment, "PYTHONPATH": str(PROJECT)}),
        capture_output=True,
        check=True,
    )
    assert result.stdout.startswith(f"/archive/{quote(ALBUM)}/?expires=".encode())


def test_interpreter_options_are_kept(environment: Environment) -> None:
    command = [sys.executable, "-W", "error", "-X", "importtime", f"{PROJECT}/server.py", "--help"]
    result = subprocess.run(command, env=plain_environment(environment), capture_output=True, check=True)
    assert b"import time:" in result.stderr
    assert b"--photos-dir" in result.stdout
