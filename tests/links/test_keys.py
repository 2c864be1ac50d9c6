"""Keys of signed links never appear in --print-config, --help and error messages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT, plain_environment

KEY, OLD_KEY = "a-key-that-signs-links", "an-old-key-that-signed"


@pytest.mark.parametrize("option", ["--print-config", "--help=all"])
def test_output_does_not_contain_keys(tmp_path: Path, option: str) -> None:
    result = run_server(option, "--link-secret", f"{KEY},{OLD_KEY}", cwd=tmp_path)
    assert result.returncode == 0
    assert "link-secret" in result.stdout
    assert not re.search(f"{KEY}|{OLD_KEY}", result.stdout + result.stderr)


@pytest.mark.parametrize(
    "args",
    [
        ["--link-secret", "tooshort-key"],
        ["--link-secret", f"{KEY},tooshort-key"],
        ["--link-secrets=tooshort-key"],
        ["--link-secrets", "tooshort-key"],
        ["--link-secret", KEY, "--port", "many"],
        ["--link-secret", KEY, "--link-secret-file", "/nowhere"],
        ["--link-secret", KEY, "--backend", "rar"],
    ],
    ids=[
        *("short", "one short", "mistyped with =", "mistyped"),
        *("another setting", "no file", "no backend"),
    ],
)
def test_error_does_not_contain_keys(tmp_path: Path, args: list[str]) -> None:
    result = run_server(*args, cwd=tmp_path)
    (line,) = result.stderr.splitlines()
    assert result.returncode == 2
    assert line.startswith("server.py: ")
    assert not re.search(f"{KEY}|tooshort-key", result.stdout + result.stderr)


def test_empty_key_file_stops_start(tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    result = run_server("--link-secret-file", "keys", cwd=tmp_path)
    assert result.returncode == 2
    assert "link-secret-file: 'keys' (flag --link-secret-file) contains no key" in result.stderr


def test_comment_in_key_file_stops_start(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# keys of the archive links\n{KEY}\n")
    result = run_server("--link-secret-file", "keys", cwd=tmp_path)
    assert result.returncode == 2
    assert "line 1 of 'keys' (flag --link-secret-file) begins with '#'; write one key a line" in result.stderr
    assert not re.search(f"{KEY}|of the archive", result.stderr)


def run_server(*args: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, f"{PROJECT}/server.py", "--port", "0", *args]
    return subprocess.run(
        command, cwd=cwd, env=plain_environment(), capture_output=True, text=True, timeout=60, check=False
    )
