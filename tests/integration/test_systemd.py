"""systemd units: config/tornado-archiver.service and .socket."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT, plain_environment, tool
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import DEFAULT, OPTIONS, Settings

UNITS = [PROJECT / "config" / f"tornado-archiver.{kind}" for kind in ("service", "socket")]


def parse(unit: Path) -> configparser.ConfigParser:
    # not strict, because a unit can have several lines of a name; the last one is returned
    parser = configparser.ConfigParser(interpolation=None, strict=False)
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


def test_unit_has_no_setting_that_overrides_the_config_file() -> None:
    """The installation steps write the file that the unit names, and set the photos directory there."""
    service = parse(UNITS[0])["Service"]
    (config,) = re.findall(r"^ARCHIVER_CONFIG=(\S+)$", service["Environment"])
    assert f" config/archiver.conf >{config}\n" in UNITS[0].read_text()
    assert not [flag for flag in service["ExecStart"].split() if flag.startswith("-")]


def test_unit_starts_with_photos_in_any_directory() -> None:
    """A path of the unit that does not exist would stop the start (systemd.exec(5), ReadOnlyPaths=)."""
    assert not {"ReadOnlyPaths", "ReadWritePaths", "BindReadOnlyPaths"} & set(parse(UNITS[0])["Service"])


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [("workers = 2", 0, ""), ("workers = many", 2, "workers: 'many'"), ("photo-dir = /srv", 2, "photos-dir")],
)
def test_start_and_reload_check_the_config_file(tmp_path: Path, line: str, status: int, message: str) -> None:
    config = tmp_path / "archiver.conf"
    config.write_text(f"{line}\n")
    unit = UNITS[0].read_text()
    (start,) = re.findall(r"^ExecStartPre=\S+/python (.*)$", unit, re.MULTILINE)
    assert f"python {start}\nExecReload=kill " in unit
    done = subprocess.run(
        [sys.executable, *start.split()],
        cwd=PROJECT,
        env=plain_environment({"ARCHIVER_CONFIG": str(config)}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    assert message in done.stderr


def test_installation_step_sets_the_photos_directory(tmp_path: Path) -> None:
    (step,) = re.findall(r"^#   (sed .*) >/etc/tornado-archiver.conf$", UNITS[0].read_text(), re.MULTILINE)
    config = tmp_path / "archiver.conf"
    config.write_text(subprocess.check_output(step, shell=True, cwd=PROJECT, text=True))
    settings = load_settings(["--config", str(config)], {}, None)
    assert settings.photos_dir == Path("/srv/photos")
    changed = {option.name for option in OPTIONS if settings.origins[option.name] != DEFAULT}
    assert changed == {"photos_dir"}


def test_socket_port_is_default_port() -> None:
    settings = Settings()
    assert parse(UNITS[1])["Socket"]["ListenStream"] == f"{settings.host[0]}:{settings.port}"
