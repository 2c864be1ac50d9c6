"""`python -m tornado_archiver sign-link` from the command line, and the recipes in docs/signed-links.md."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.helpers.servers import PROJECT, plain_environment, tool
from tornado_archiver.links.signing import LinkSigner

PAGE = (PROJECT / "docs" / "signed-links.md").read_text("utf-8")
KEY, OLD_KEY = "a-key-that-signs-links", "an-old-key-that-signed-links"
ALBUM = "3bea29ccabbbf64bdebcc055319c5745"
# characters that URL libraries encode differently
ODD_NAME = "Grüße & mehr+50% ~(1)_'\"=?#;"
DAY = 86400


def run(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tornado_archiver", *args],
        cwd=cwd,
        env=plain_environment({"PYTHONPATH": str(PROJECT), **(env or {})}),
        capture_output=True,
        text=True,
        timeout=60,
    )


def printed_link(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    result = run("sign-link", *args, cwd=cwd, env=env)
    assert (result.returncode, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    return line


def error_line(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    result = run("sign-link", *args, cwd=cwd, env=env)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("python -m tornado_archiver sign-link: ")
    return line


def expires_of(link: str) -> int:
    (text,) = parse_qs(urlsplit(link).query)["expires"]
    return int(text)


# Output


@pytest.mark.parametrize(
    ("flag", "name", "start"),
    [
        ("--name", "Anna & Ben", f"/archive/{ALBUM}/?name=Anna+%26+Ben&expires="),
        ("--file-name", "Anna & Ben.zip", f"/archive/{ALBUM}/Anna%20%26%20Ben.zip?expires="),
    ],
)
def test_name_is_part_of_link_and_signature(tmp_path: Path, flag: str, name: str, start: str) -> None:
    env = {"ARCHIVER_LINK_SECRET": KEY}
    link = printed_link(ALBUM, "--expires", "7d", flag, name, cwd=tmp_path, env=env)
    assert link.startswith(start)
    signature = LinkSigner((KEY,)).signature(ALBUM, str(expires_of(link)), name)
    assert link.endswith(f"&signature={signature}")


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        *(("--name", name) for name in ("", " ", "a\nb")),
        *(("--file-name", name) for name in ("", "a/b.zip", "holiday", ".zip", "a\n.zip", "n" * 256)),
    ],
)
def test_invalid_name_is_reported(tmp_path: Path, flag: str, name: str) -> None:
    line = error_line(ALBUM, "--expires", "7d", flag, name, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert f"argument {flag}: {name!r} is not allowed: " in line


def test_two_names_are_reported(tmp_path: Path) -> None:
    names = ("--name", "Anna", "--file-name", "Anna.zip")
    line = error_line(ALBUM, "--expires", "7d", *names, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert "not allowed with" in line


def test_link_expires_after_requested_time(tmp_path: Path) -> None:
    before = time.time()
    link = printed_link(
        ALBUM, "--expires", "7d", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": f"{KEY},{OLD_KEY}"}
    )
    expires = expires_of(link)
    assert before + 7 * DAY <= expires <= time.time() + 7 * DAY + 1
    signature = LinkSigner((KEY,)).signature(ALBUM, str(expires))
    assert link == f"/archive/{ALBUM}/?expires={expires}&signature={signature}"


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("30m", 1800), ("12h", DAY / 2), ("3650d", 3650 * DAY), ("2.5", 2.5)]
)
def test_expires_accepts_time_units_of_settings(tmp_path: Path, text: str, seconds: float) -> None:
    before = time.time()
    link = printed_link(ALBUM, "--expires", text, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert before + seconds <= expires_of(link) <= time.time() + seconds + 1


@pytest.mark.parametrize(
    "base", ["https://photos.example.com", "http://[::1]:7777/", "https://a.example/photos/"]
)
def test_base_url_and_format_are_part_of_link(tmp_path: Path, base: str) -> None:
    options = ("--format", "tar.gz", "--base-url", base)
    environment = {"ARCHIVER_LINK_SECRET": KEY, "ARCHIVER_FORMATS": "tar,tar.gz"}
    link = printed_link(ALBUM, "--expires", "1h", *options, cwd=tmp_path, env=environment)
    signature = LinkSigner((KEY,)).signature(ALBUM, str(expires_of(link)))
    path = f"/archive/{ALBUM}/?expires={expires_of(link)}&signature={signature}&format=tar.gz"
    assert link == base.rstrip("/") + path


@pytest.mark.parametrize("source", ["environment", ".env", "config", "config in the environment", "flag"])
def test_key_is_loaded_from_same_sources_as_service(tmp_path: Path, source: str) -> None:
    (tmp_path / "keys").write_text(f"{KEY}\n{OLD_KEY}\n")
    (tmp_path / "my.conf").write_text("link-secret-file = keys\nport = 1234\n")
    args, env = {
        "environment": ([], {"ARCHIVER_LINK_SECRET_FILE": "keys"}),
        ".env": ([], {}),
        "config": (["--config", "my.conf"], {}),
        "config in the environment": ([], {"ARCHIVER_CONFIG": "my.conf"}),
        "flag": (["--link-secret-file", "keys"], {}),
    }[source]
    if source == ".env":
        (tmp_path / ".env").write_text(f"ARCHIVER_LINK_SECRET='{KEY}'\n")
    link = printed_link(ALBUM, "--expires", "1h", *args, cwd=tmp_path, env=env)
    assert link.endswith(LinkSigner((KEY,)).signature(ALBUM, str(expires_of(link))))


# Warnings


def test_unknown_format_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "my.conf").write_text(f"link-secret = {KEY}\nformats = tar,zip\n")
    result = run(
        "sign-link", ALBUM, "--expires", "1h", "--format", "rar", "--config", "my.conf", cwd=tmp_path
    )
    assert result.returncode == 0
    assert result.stdout.endswith("&format=rar\n")
    assert result.stderr == (
        "python -m tornado_archiver sign-link: warning: a service with these settings returns 400 for this "
        "link: 'rar' is not one of the formats stored-zip, tar, zip (backend: default, formats: formats in "
        "my.conf); add it to ARCHIVER_FORMATS\n"
    )


@pytest.mark.parametrize("name", ["tar", "zip"])
def test_known_format_prints_no_warning(tmp_path: Path, name: str) -> None:
    environment = {"ARCHIVER_LINK_SECRET": KEY, "ARCHIVER_BACKEND": "tar", "ARCHIVER_FORMATS": "zip"}
    assert printed_link(ALBUM, "--expires", "1h", "--format", name, cwd=tmp_path, env=environment)


def test_misspelt_variable_is_a_warning_before_missing_key_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ARCHIVER_LINK_SECRETS={KEY}\n")
    result = run("sign-link", ALBUM, "--expires", "1h", cwd=tmp_path)
    first, second = result.stderr.splitlines()
    assert first.endswith(
        ": ARCHIVER_LINK_SECRETS in .env is not a setting, did you mean ARCHIVER_LINK_SECRET?"
    )
    assert "no key to sign with" in second
    assert KEY not in result.stderr


# Errors


def test_missing_key_error_lists_sources(tmp_path: Path) -> None:
    message = error_line(ALBUM, "--expires", "7d", cwd=tmp_path)
    assert "no key to sign with" in message
    for source in (
        "ARCHIVER_LINK_SECRET_FILE",
        "ARCHIVER_LINK_SECRET ",
        ".env",
        "--link-secret-file",
        "--config",
    ):
        assert source in message


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", ".hidden", "#recycle", "@eadir", "", f"{ALBUM}/", "a\\b", "a\nb", "a" * 256],
    ids=ascii,
)
def test_invalid_hash_is_rejected(tmp_path: Path, name: str) -> None:
    message = error_line(name, "--expires", "7d", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert f"argument hash: {name!r} is not allowed: the name of a directory" in message


@pytest.mark.parametrize("text", ["0", "0.5s", "3651d", "7 days", "-1d", "soon", "", "1800000000"])
def test_invalid_expires_is_rejected(tmp_path: Path, text: str) -> None:
    message = error_line(ALBUM, f"--expires={text}", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert f"--expires: {text!r} is not allowed: a time from 1s to 3650d, such as 30m, 12h or 7d" in message


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "required: --expires"),
        (["--expires", "1h", "--format", "a&b"], "--format: 'a&b' is not allowed: a name of"),
        (["--expires", "1h", "--base-url", "photos.example.com"], "--base-url: 'photos.example.com' is not"),
        (["--expires", "1h", "--base-url", "https://a/?b"], "--base-url: 'https://a/?b' is not allowed"),
        (["--expires", "1h", "--config", "no.conf"], "config: 'no.conf' (flag --config) cannot be read"),
        (["--expires", "1h", "--link-secret-file", "no"], "'no' (flag --link-secret-file) cannot be read"),
    ],
    ids=["no time", "format", "no scheme", "a query", "config", "keys"],
)
def test_invalid_option_is_one_error_line(tmp_path: Path, args: list[str], message: str) -> None:
    assert message in error_line(ALBUM, *args, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})


def test_invalid_key_is_rejected_without_showing_it(tmp_path: Path) -> None:
    message = error_line(
        ALBUM, "--expires", "7d", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": f"{KEY},tooshort"}
    )
    assert (
        "link-secret: the value (environment variable ARCHIVER_LINK_SECRET) is not allowed: keys of"
        in message
    )
    assert "tooshort" not in message
    assert KEY not in message


@pytest.mark.parametrize(
    "args", [["sign-link"], ["--help"], ["sign-link", "--help"]], ids=["nothing", "help", "help of sign-link"]
)
def test_help_is_printed_without_keys(tmp_path: Path, args: list[str]) -> None:
    result = run(*args, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert (result.returncode, result.stderr) == (0, "")
    assert "link" in result.stdout
    assert KEY not in result.stdout


# Recipes in docs/signed-links.md


def recipe(file_name: str, keys: Path) -> str:
    """Return the code on the page, with the path of another key file."""
    (text,) = re.findall(rf"^`{file_name}`:\n\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert text.count("/etc/archiver-links") == 1
    assert str(text).count(ALBUM) == 1
    return str(text).replace("/etc/archiver-links", str(keys))


RECIPES = {
    "link.php": 'echo archive_link($key, $argv[1], (int) $argv[2]), "\\n";',
    "link.py": "import sys; print(archive_link(KEY, sys.argv[1], int(sys.argv[2])))",
}


@pytest.mark.parametrize("file_name", RECIPES)
@pytest.mark.parametrize("name", [ALBUM, ODD_NAME])
def test_recipe_prints_same_link_as_command(tmp_path: Path, file_name: str, name: str) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n{OLD_KEY}\n")
    (tmp_path / file_name).write_text(recipe(file_name, keys) + RECIPES[file_name] + "\n")
    expected = printed_link(name, "--expires", "7d", "--link-secret-file", str(keys), cwd=tmp_path)
    program = tool("php") if file_name.endswith(".php") else sys.executable
    command = [program, str(tmp_path / file_name), name, str(expires_of(expected))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    example, link = result.stdout.splitlines()
    assert link == expected
    expires = expires_of(example)
    assert abs(expires - time.time() - 7 * DAY) < 60
    assert example == LinkSigner((KEY,)).sign(ALBUM, expires)
    assert result.stderr == ""
