"""Tests of `load`: the syntax of the config file, its errors, and the sources that name it."""

from pathlib import Path

import pytest

from tests.settings.sources import Sources
from tornado_archiver.settings.options import CONFIG, Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Settings()),
        ("# port = 1\n; port = 2\n\n[section]\n---\n--- # yaml\n", Settings()),
        ("port = 80\n", Settings(port=80)),
        ("\ufeffport=80\r\ncompression-level=1\r\n", Settings(port=80, compression_level=1)),
        ("port: 80", Settings(port=80)),
        ("port 80", Settings(port=80)),
        ("--port 80", Settings(port=80)),
        ("  port = 80  # why", Settings(port=80)),
        ("port = 80\nport = 81", Settings(port=81)),
        ("port = # nothing", Settings()),
        ('port = ""', Settings()),
        ('download-name = "a # b"', Settings(download_name="a # b")),
        ("download-name = [{hash}]", Settings(download_name="[{hash}]")),
        ('download-name = ["a"]', Settings(download_name='["a"]')),
        ("download-name = ---", Settings(download_name="---")),
        ("download-name = --", Settings(download_name="--")),
        ("download-name = 'x", Settings(download_name="'x")),
        ("photos-dir = /a#b ; c", Settings(photos_dir=Path("/a#b"))),
    ],
)
def test_config_file_gives_settings(sources: Sources, text: str, expected: Settings) -> None:
    sources.write_config(text)
    assert sources.load() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 80", "'prot' in FILE is not a setting, did you mean port?"),
        ("photos_dir = x", "'photos_dir' in FILE is not a setting, did you mean photos-dir?"),
        ("PORT = 80", "'PORT' in FILE is not a setting, did you mean port?"),
        ("zzz = 80", "line 1 of FILE is not a setting, --help all lists them"),
        ("k9Qw7T2bXv5Nf8Lr", "line 1 of FILE is not a setting, --help all lists them"),
        ("zzz = [80]", "line 1 of FILE is not a setting, --help all lists them"),
        ("config = x", "line 1 of FILE is not a setting, --help all lists them"),
        ("help", "line 1 of FILE is not a setting, --help all lists them"),
        ("print-config = yes", "line 1 of FILE is not a setting, --help all lists them"),
        ("-P = 80", "line 1 of FILE is not a setting, --help all lists them"),
        ("[port = 80", "'[port' in FILE is not a setting, did you mean port?"),
        ("[server] port = 80", "line 1 of FILE is not a setting, --help all lists them"),
        ("# fine\n= 80", "line 2 of FILE cannot be read: key = value is allowed"),
        ("---port = 80", "line 1 of FILE cannot be read: key = value is allowed"),
        ("port", "port: no value (port in FILE), allowed: a whole number from 0 to 65535"),
        ("photos-dir # x", "photos-dir: no value (photos-dir in FILE), allowed: a path"),
        ("port = [80]", "port: '[80]' (port in FILE) is not allowed: a whole number from 0 to 65535"),
        ("port = 80 81", "port: '80 81' (port in FILE) is not allowed: a whole number from 0 to 65535"),
        ("port = ---", "port: '---' (port in FILE) is not allowed: a whole number from 0 to 65535"),
        ("port = 1\0", "config: 'FILE' (flag --config) cannot be read: it holds a NUL character"),
    ],
)
def test_invalid_config_file_is_reported(sources: Sources, text: str, message: str) -> None:
    sources.write_config(text)
    assert sources.error() == message.replace("FILE", str(sources.config))


def test_missing_config_file_is_reported(sources: Sources) -> None:
    sources.argv = ["-c", str(sources.config)]
    assert sources.error() == (
        f"config: '{sources.config}' (flag --config) cannot be read: No such file or directory"
    )


def test_directory_as_config_file_is_reported(sources: Sources, tmp_path: Path) -> None:
    sources.environ = {"ARCHIVER_CONFIG": str(tmp_path)}
    assert sources.error() == (
        f"config: '{tmp_path}' (environment variable ARCHIVER_CONFIG) cannot be read: Is a directory"
    )


def test_binary_config_file_is_reported(sources: Sources) -> None:
    sources.write_config("")
    sources.config.write_bytes(b"port = \xff\n")
    assert sources.error() == f"config: '{sources.config}' (flag --config) cannot be read: not text in UTF-8"


def test_config_file_name_with_line_break_is_escaped(sources: Sources, tmp_path: Path) -> None:
    sources.config = tmp_path / "a\nb.conf"
    sources.write_config("port = x\n")
    assert f"(port in {str(sources.config)!r})" in sources.error()


@pytest.mark.parametrize("source", ["environment", "dotenv"])
def test_variable_names_the_config_file(sources: Sources, source: str) -> None:
    sources.write_config("port = 80\n")
    sources.argv = []
    sources.give(source, CONFIG, str(sources.config))
    assert sources.load().port == 80


def test_config_flag_overrides_variable(sources: Sources) -> None:
    sources.write_config("port = 80\n")
    sources.environ = {"ARCHIVER_CONFIG": "/nowhere"}
    assert sources.load().port == 80
