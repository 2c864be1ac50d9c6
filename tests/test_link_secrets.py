"""The keys of expiring links are never shown: not by what the service tells, not by what it complains of."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import PROJECT, plain_environment

KEY, OLD_KEY = "a-key-that-signs-links", "an-old-key-that-signed"


@pytest.mark.parametrize("option", ["--print-config", "--help"])
def test_what_the_service_tells_about_itself_holds_no_key(tmp_path: Path, option: str) -> None:
    told = said_by_server(option, "--link-secret", f"{KEY},{OLD_KEY}", cwd=tmp_path)
    assert told.returncode == 0
    assert "link-secret" in told.stdout
    assert not re.search(f"{KEY}|{OLD_KEY}", told.stdout + told.stderr)


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
def test_no_complaint_holds_a_key(tmp_path: Path, args: list[str]) -> None:
    told = said_by_server(*args, cwd=tmp_path)
    (line,) = told.stderr.splitlines()
    assert told.returncode == 2
    assert line.startswith("server.py: ")
    assert not re.search(f"{KEY}|tooshort-key", told.stdout + told.stderr)


def test_a_service_whose_file_of_keys_is_empty_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    told = said_by_server("--link-secret-file", "keys", cwd=tmp_path)
    assert told.returncode == 2
    assert "link-secret-file: 'keys' (flag --link-secret-file) holds no key" in told.stderr


def test_a_comment_in_the_file_of_keys_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# keys of the archive links\n{KEY}\n")
    told = said_by_server("--link-secret-file", "keys", cwd=tmp_path)
    assert told.returncode == 2
    assert "line 1 of 'keys' (flag --link-secret-file) begins with '#': it may hold keys only" in told.stderr
    assert not re.search(f"{KEY}|of the archive", told.stderr)


def said_by_server(*args: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, f"{PROJECT}/server.py", "--port", "0", *args]
    return subprocess.run(
        command, cwd=cwd, env=plain_environment(), capture_output=True, text=True, timeout=60, check=False
    )
