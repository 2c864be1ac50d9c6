"""config/tornado-archiver.service and .socket."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import PROJECT, tool
from tornado_archiver.settings.options import OPTIONS, Settings

UNITS = [PROJECT / "config" / f"tornado-archiver.{kind}" for kind in ("service", "socket")]


def parsed(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """The units as root would have installed them, with a checkout where they say."""
    copies = [tmp_path / unit.name for unit in UNITS]
    for unit, copy in zip(UNITS, copies, strict=True):
        copy.write_text(unit.read_text().replace("/opt/tornado-archiver", str(tmp_path / "opt")))
    interpreter = tmp_path / "opt" / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    shutil.copy("/bin/true", interpreter)
    return copies


def test_systemd_finds_nothing_wrong(installed: list[Path]) -> None:
    command = [tool("systemd-analyze"), "--man=no", "--recursive-errors=no", "verify", *map(str, installed)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_it_gives_the_downloads_their_time() -> None:
    timeout = re.fullmatch(r"(\d+)s", parsed(UNITS[0])["Service"]["TimeoutStopSec"])
    assert timeout is not None
    assert int(timeout[1]) > Settings().drain_timeout + 10


def test_it_is_never_given_up() -> None:
    """Else the socket fails along with it, and nobody is let in any more."""
    assert parsed(UNITS[0])["Unit"]["StartLimitIntervalSec"] == "0"
    assert parsed(UNITS[0])["Service"]["Restart"] == "always"


def test_it_may_confine_programs() -> None:
    allowed = set(parsed(UNITS[0])["Service"]["SystemCallFilter"].split())
    assert allowed >= {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}


def test_it_names_settings_that_there_are() -> None:
    named = re.findall(r"(\w+)=", parsed(UNITS[0])["Service"]["Environment"])
    assert set(named) <= {option.env for option in OPTIONS} | {"ARCHIVER_CONFIG"}


def test_the_steps_at_its_head_bring_all_that_it_reads() -> None:
    (config,) = re.findall(r"ARCHIVER_CONFIG=(\S+)", parsed(UNITS[0])["Service"]["Environment"])
    assert f"#   cp config/archiver.conf {config}\n" in UNITS[0].read_text()


def test_the_port_is_the_default_one() -> None:
    settings = Settings()
    assert parsed(UNITS[1])["Socket"]["ListenStream"] == f"{settings.host}:{settings.port}"
