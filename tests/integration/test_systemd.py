"""systemd units: config/tornado-archiver.service and .socket."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT, tool
from tornado_archiver.settings.options import OPTIONS, Settings

UNITS = [PROJECT / "config" / f"tornado-archiver.{kind}" for kind in ("service", "socket")]


def parse(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """Copy the units, with a checkout at the path that they contain."""
    copies = [tmp_path / unit.name for unit in UNITS]
    for unit, copy in zip(UNITS, copies, strict=True):
        copy.write_text(unit.read_text().replace("/opt/tornado-archiver", str(tmp_path / "opt")))
    interpreter = tmp_path / "opt" / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    shutil.copy("/bin/true", interpreter)
    return copies


def test_units_pass_systemd_analyze(installed: list[Path]) -> None:
    command = [tool("systemd-analyze"), "--man=no", "--recursive-errors=no", "verify", *map(str, installed)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.stdout + result.stderr, result.returncode) == ("", 0)


def test_stop_timeout_exceeds_drain_timeout() -> None:
    timeout = re.fullmatch(r"(\d+)s", parse(UNITS[0])["Service"]["TimeoutStopSec"])
    assert timeout is not None
    assert int(timeout[1]) > Settings().drain_timeout + 10


def test_service_is_restarted_without_a_start_limit() -> None:
    """At a start limit the socket unit fails as well, and connections are refused."""
    assert parse(UNITS[0])["Unit"]["StartLimitIntervalSec"] == "0"
    assert parse(UNITS[0])["Service"]["Restart"] == "always"


def test_system_call_filter_allows_landlock() -> None:
    allowed = set(parse(UNITS[0])["Service"]["SystemCallFilter"].split())
    assert allowed >= {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}


def test_environment_names_existing_settings() -> None:
    names = re.findall(r"(\w+)=", parse(UNITS[0])["Service"]["Environment"])
    assert set(names) <= {option.env for option in OPTIONS} | {"ARCHIVER_CONFIG"}


def test_install_steps_copy_config_file() -> None:
    (config,) = re.findall(r"ARCHIVER_CONFIG=(\S+)", parse(UNITS[0])["Service"]["Environment"])
    assert f"#   cp config/archiver.conf {config}\n" in UNITS[0].read_text()


def test_socket_port_is_default_port() -> None:
    settings = Settings()
    assert parse(UNITS[1])["Socket"]["ListenStream"] == f"{settings.host[0]}:{settings.port}"
