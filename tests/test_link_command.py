"""The command `sign-link` as an operator meets it, and the recipes for a CMS that do the same."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers import PROJECT, plain_environment, tool
from tornado_archiver.links.signing import LinkSigner

PAGE = (PROJECT / "docs" / "signed-links.md").read_text("utf-8")
KEY, OLD_KEY = "a-key-that-signs-links", "an-old-key-that-signed-links"
ALBUM = "3bea29ccabbbf64bdebcc055319c5745"
# what makes a difference between the ways to encode a name
ODD = "Grüße & mehr+50% ~(1)_'\"=?#;"
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


def made(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """The link that it prints."""
    ended = run("sign-link", *args, cwd=cwd, env=env)
    assert (ended.returncode, ended.stderr) == (0, "")
    (line,) = ended.stdout.splitlines()
    return line


def complaint(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    ended = run("sign-link", *args, cwd=cwd, env=env)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("python -m tornado_archiver sign-link: ")
    return line


def expires_of(link: str) -> int:
    (text,) = parse_qs(urlsplit(link).query)["expires"]
    return int(text)


# What it makes


def test_it_prints_a_link_that_lives_as_long_as_asked_for(tmp_path: Path) -> None:
    before = time.time()
    link = made(ALBUM, "--expires", "7d", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": f"{KEY},{OLD_KEY}"})
    expires = expires_of(link)
    assert before + 7 * DAY <= expires <= time.time() + 7 * DAY + 1
    signature = LinkSigner((KEY,)).signature(ALBUM, str(expires))
    assert link == f"/archive/{ALBUM}/?expires={expires}&signature={signature}"


@pytest.mark.parametrize(
    ("written", "seconds"), [("1s", 1), ("30m", 1800), ("12h", DAY / 2), ("3650d", 3650 * DAY), ("2.5", 2.5)]
)
def test_the_time_is_written_as_in_a_setting(tmp_path: Path, written: str, seconds: float) -> None:
    before = time.time()
    link = made(ALBUM, "--expires", written, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert before + seconds <= expires_of(link) <= time.time() + seconds + 1


@pytest.mark.parametrize(
    "base", ["https://photos.example.com", "http://[::1]:7777/", "https://a.example/photos/"]
)
def test_it_prints_a_whole_address_and_asks_for_a_format(tmp_path: Path, base: str) -> None:
    options = ("--format", "tar.gz", "--base-url", base)
    environment = {"ARCHIVER_LINK_SECRET": KEY, "ARCHIVER_FORMATS": "tar,tar.gz"}
    link = made(ALBUM, "--expires", "1h", *options, cwd=tmp_path, env=environment)
    signature = LinkSigner((KEY,)).signature(ALBUM, str(expires_of(link)))
    path = f"/archive/{ALBUM}/?expires={expires_of(link)}&signature={signature}&format=tar.gz"
    assert link == base.rstrip("/") + path


@pytest.mark.parametrize("source", ["environment", ".env", "config", "config in the environment", "flag"])
def test_it_reads_the_key_from_where_the_service_does(tmp_path: Path, source: str) -> None:
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
    link = made(ALBUM, "--expires", "1h", *args, cwd=tmp_path, env=env)
    assert link.endswith(LinkSigner((KEY,)).signature(ALBUM, str(expires_of(link))))


# What it warns of


def test_a_format_that_the_service_does_not_offer_is_told(tmp_path: Path) -> None:
    (tmp_path / "my.conf").write_text(f"link-secret = {KEY}\nformats = tar,zip\n")
    ended = run("sign-link", ALBUM, "--expires", "1h", "--format", "rar", "--config", "my.conf", cwd=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout.endswith("&format=rar\n")
    assert ended.stderr == (
        "python -m tornado_archiver sign-link: warning: a service with these settings answers this link with "
        "400: 'rar' is none of its formats, which are stored-zip, tar, zip (backend: default, formats: "
        "formats in my.conf); add it to ARCHIVER_FORMATS\n"
    )


@pytest.mark.parametrize("name", ["tar", "zip"])
def test_a_format_that_the_service_offers_is_not_told(tmp_path: Path, name: str) -> None:
    environment = {"ARCHIVER_LINK_SECRET": KEY, "ARCHIVER_BACKEND": "tar", "ARCHIVER_FORMATS": "zip"}
    assert made(ALBUM, "--expires", "1h", "--format", name, cwd=tmp_path, env=environment)


def test_a_misspelt_variable_is_told_with_what_comes_of_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ARCHIVER_LINK_SECRETS={KEY}\n")
    ended = run("sign-link", ALBUM, "--expires", "1h", cwd=tmp_path)
    first, second = ended.stderr.splitlines()
    assert first.endswith(
        ": ARCHIVER_LINK_SECRETS in .env is not a setting, did you mean ARCHIVER_LINK_SECRET?"
    )
    assert "there is no key to sign with" in second
    assert KEY not in ended.stderr


# What it cannot make


def test_without_a_key_it_says_where_to_put_one(tmp_path: Path) -> None:
    told = complaint(ALBUM, "--expires", "7d", cwd=tmp_path)
    assert "there is no key to sign with" in told
    for place in (
        "ARCHIVER_LINK_SECRET_FILE",
        "ARCHIVER_LINK_SECRET,",
        ".env",
        "--link-secret-file",
        "--config",
    ):
        assert place in told


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", ".hidden", "#recycle", "@eadir", "", f"{ALBUM}/", "a\\b", "a\nb", "a" * 256],
    ids=ascii,
)
def test_what_names_no_directory_is_told(tmp_path: Path, name: str) -> None:
    told = complaint(name, "--expires", "7d", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert f"argument hash: {name!r} is not allowed: the name of a directory" in told


@pytest.mark.parametrize("written", ["0", "0.5s", "3651d", "7 days", "-1d", "soon", "", "1800000000"])
def test_a_time_that_cannot_be_is_told(tmp_path: Path, written: str) -> None:
    told = complaint(ALBUM, f"--expires={written}", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert f"--expires: {written!r} is not allowed: a time from 1s to 3650d, such as 30m, 12h or 7d" in told


@pytest.mark.parametrize(
    ("args", "told"),
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
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, args: list[str], told: str) -> None:
    assert told in complaint(ALBUM, *args, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})


def test_a_bad_key_is_told_without_showing_it(tmp_path: Path) -> None:
    told = complaint(ALBUM, "--expires", "7d", cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": f"{KEY},tooshort"})
    assert (
        "link-secret: the value (environment variable ARCHIVER_LINK_SECRET) is not allowed: keys of" in told
    )
    assert "tooshort" not in told
    assert KEY not in told


@pytest.mark.parametrize(
    "args", [["sign-link"], ["--help"], ["sign-link", "--help"]], ids=["nothing", "help", "help of sign-link"]
)
def test_it_explains_itself(tmp_path: Path, args: list[str]) -> None:
    ended = run(*args, cwd=tmp_path, env={"ARCHIVER_LINK_SECRET": KEY})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "link" in ended.stdout
    assert KEY not in ended.stdout


# The recipes of the page


def recipe(file_name: str, keys: Path) -> str:
    """What the page shows, for a file of keys that a test may write."""
    (text,) = re.findall(rf"^`{file_name}`:\n\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert text.count("/etc/archiver-links") == 1
    assert str(text).count(ALBUM) == 1
    return str(text).replace("/etc/archiver-links", str(keys))


RECIPES = {
    "link.php": 'echo archive_link($key, $argv[1], (int) $argv[2]), "\\n";',
    "link.py": "import sys; print(archive_link(KEY, sys.argv[1], int(sys.argv[2])))",
}


@pytest.mark.parametrize("file_name", RECIPES)
@pytest.mark.parametrize("name", [ALBUM, ODD])
def test_the_recipe_makes_the_link_that_the_command_makes(tmp_path: Path, file_name: str, name: str) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n{OLD_KEY}\n")
    (tmp_path / file_name).write_text(recipe(file_name, keys) + RECIPES[file_name] + "\n")
    ours = made(name, "--expires", "7d", "--link-secret-file", str(keys), cwd=tmp_path)
    program = tool("php") if file_name.endswith(".php") else sys.executable
    command = [program, str(tmp_path / file_name), name, str(expires_of(ours))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    its_own, for_us = done.stdout.splitlines()
    assert for_us == ours
    in_a_week = expires_of(its_own)
    assert abs(in_a_week - time.time() - 7 * DAY) < 60
    assert its_own == LinkSigner((KEY,)).sign(ALBUM, in_a_week)
    assert done.stderr == ""
