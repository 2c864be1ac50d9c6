"""Variables that look like a setting and are none: a misspelt one must not go unnoticed."""

import signal
from pathlib import Path

import pytest

from tests.servers import eventually, running_server
from tests.settings.sources import Sources
from tests.test_command import run
from tornado_archiver.settings import Settings

LINES = [
    ("ARCHIVER_LINK_SECRETS", "did you mean ARCHIVER_LINK_SECRET?"),
    ("ARCHIVER_WORKER", "did you mean ARCHIVER_WORKERS?"),
    ("ARCHIVER_PORT", "did you mean PORT?"),
    ("ARCHIVER_PHOTO_DIR", "did you mean PHOTOS_DIR?"),
    ("ARCHIVER_CONF", "did you mean ARCHIVER_CONFIG?"),
    ("ARCHIVER_XYZ", "--help lists them all"),
]


@pytest.mark.parametrize(("name", "hint"), LINES)
def test_a_variable_that_is_no_setting_is_told_with_the_one_it_resembles(
    sources: Sources, name: str, hint: str
) -> None:
    sources.environ = {name: "0123456789abcdef"}
    assert sources.read() == Settings()
    assert sources.read().warnings == (f"environment variable {name} is not a setting, {hint}",)


@pytest.mark.parametrize(("name", "hint"), LINES)
def test_one_in_the_dotenv_is_told_as_well(sources: Sources, name: str, hint: str) -> None:
    sources.dotenv.write_text(f"PORT=80\n{name}=0123456789abcdef\n")
    assert sources.read() == Settings(port=80)
    assert sources.read().warnings == (f"{name} in {sources.dotenv} is not a setting, {hint}",)


def test_each_is_told_once(sources: Sources) -> None:
    sources.dotenv.write_text("ARCHIVER_A=1\nARCHIVER_B=2\n")
    sources.environ = {"ARCHIVER_B": "3", "ARCHIVER_C\nD": "4"}
    assert sources.read().warnings == (
        f"ARCHIVER_A in {sources.dotenv} is not a setting, --help lists them all",
        "environment variable ARCHIVER_B is not a setting, --help lists them all",
        "'environment variable ARCHIVER_C\\nD' is not a setting, --help lists them all",
    )


@pytest.mark.parametrize(
    "name",
    [
        *("ARCHIVER_CONFIG", "ARCHIVER_LEVEL", "PORTS", "MY_ARCHIVER_LEVELS"),
        *("ARCHIVER_SERVICE_HOST", "ARCHIVER_PORT_7777_TCP_ADDR"),
    ],
)
def test_others_are_not_told(sources: Sources, name: str) -> None:
    sources.write_config("")
    sources.environ = {name: str(sources.config) if name == "ARCHIVER_CONFIG" else "6"}
    assert sources.read().warnings == ()


def test_an_empty_one_counts_as_unset(sources: Sources) -> None:
    sources.dotenv.write_text("ARCHIVER_LEVELS=\n")
    sources.environ = {"ARCHIVER_WORKER": ""}
    assert sources.read().warnings == ()


# What the operator sees

KEY = "0123456789abcdef"
TOLD = "environment variable ARCHIVER_LINK_SECRETS is not a setting, did you mean ARCHIVER_LINK_SECRET?"


def test_the_log_tells_it_once_however_many_work(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "3", env={"ARCHIVER_LINK_SECRETS": KEY}) as server:
        assert server.log().count(f"WARNING {TOLD}\n") == server.log().count("is not a setting") == 1
        server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: server.log().count(TOLD) == 2)
        assert KEY not in server.log()


def test_print_config_tells_it_beside_the_settings(tmp_path: Path) -> None:
    ended = run("--print-config", cwd=tmp_path, env={"ARCHIVER_LINK_SECRETS": KEY})
    assert (ended.returncode, ended.stderr) == (0, f"server.py: {TOLD}\n")
    assert KEY not in ended.stdout
