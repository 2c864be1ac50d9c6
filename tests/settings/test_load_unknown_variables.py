"""Tests of `load`: warnings about variables that resemble settings, such as misspelt ones."""

import re
import signal
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT, eventually, running_server
from tests.server.test_main import run
from tests.settings.sources import Sources
from tornado_archiver.settings.options import Settings
from tornado_archiver.settings.readers.environment import COMPOSE_VARIABLES

LINES = [
    ("ARCHIVER_LINK_SECRETS", "did you mean ARCHIVER_LINK_SECRET?"),
    ("ARCHIVER_WORKER", "did you mean ARCHIVER_WORKERS?"),
    ("ARCHIVER_PORT", "did you mean PORT?"),
    ("ARCHIVER_PHOTO_DIR", "did you mean PHOTOS_DIR?"),
    ("ARCHIVER_CONF", "did you mean ARCHIVER_CONFIG?"),
    ("ARCHIVER_XYZ", "--help all lists them"),
]


@pytest.mark.parametrize(("name", "hint"), LINES)
def test_unknown_variable_is_reported_with_a_similar_setting(sources: Sources, name: str, hint: str) -> None:
    sources.environ = {name: "0123456789abcdef"}
    assert sources.load() == Settings()
    assert sources.load().warnings == (f"environment variable {name} is not a setting, {hint}",)


@pytest.mark.parametrize(("name", "hint"), LINES)
def test_unknown_variable_in_dotenv_is_reported(sources: Sources, name: str, hint: str) -> None:
    sources.dotenv.write_text(f"PORT=80\n{name}=0123456789abcdef\n")
    assert sources.load() == Settings(port=80)
    assert sources.load().warnings == (f"{name} in {sources.dotenv} is not a setting, {hint}",)


def test_unknown_variable_in_two_sources_is_reported_once(sources: Sources) -> None:
    sources.dotenv.write_text("ARCHIVER_A=1\nARCHIVER_B=2\n")
    sources.environ = {"ARCHIVER_B": "3", "ARCHIVER_C\nD": "4"}
    assert sources.load().warnings == (
        f"ARCHIVER_A in {sources.dotenv} is not a setting, --help all lists them",
        "environment variable ARCHIVER_B is not a setting, --help all lists them",
        "'environment variable ARCHIVER_C\\nD' is not a setting, --help all lists them",
    )


MISSPELT = {
    "PHOTO_DIR": "PHOTOS_DIR",
    "PHOTOS_DIRS": "PHOTOS_DIR",
    "PHOTOSDIR": "PHOTOS_DIR",
    "ENABLE_LOGING": "ENABLE_LOGGING",
    "RESPONSE_DELAYS": "RESPONSE_DELAY",
}
# Names that a file of settings is likely to contain by mistake, but that other programs use as well
AMBIGUOUS = {
    "PROT": "PORT",
    "PORTS": "PORT",
    "port": "PORT",
    "PHOTOS": "PHOTOS_DIR",
    "LOGGING": "ENABLE_LOGGING",
    "BACKEND": "ARCHIVER_BACKEND",
    "HOST": "ARCHIVER_HOST",
    "WORKERS": "ARCHIVER_WORKERS",
    "WORKER": "ARCHIVER_WORKERS",
    "FORMATS": "ARCHIVER_FORMATS",
    "LINK_SECRET": "ARCHIVER_LINK_SECRET",
    "SECRET": "ARCHIVER_LINK_SECRET",
    "TRUSTED_PROXY": "ARCHIVER_TRUSTED_PROXIES",
    "CONFIG": "ARCHIVER_CONFIG",
    "LEVEL": "ARCHIVER_COMPRESSION_LEVEL",
}
FOREIGN = (
    "PATH HOME USER LANG LC_ALL TERM PWD SHELL SHLVL HOSTNAME LOGNAME NAME TZ UMASK PUID PGID DEBUG "
    "GPG_KEY PYTHON_VERSION PYTHONUNBUFFERED COMPOSE_PROJECT_NAME DB_HOST DB_PORT MYSQL_ROOT_PASSWORD REPORT "
    "EXPORT http_proxy KUBERNETES_SERVICE_HOST INVOCATION_ID JOURNAL_STREAM XDG_CONFIG_HOME SSH_AUTH_SOCK"
).split()


@pytest.mark.parametrize("name", [*MISSPELT, *AMBIGUOUS])
def test_name_in_dotenv_that_resembles_a_setting_is_reported(sources: Sources, name: str) -> None:
    sources.dotenv.write_text(f"{name}=1\n")
    assert sources.load() == Settings()
    meant = {**MISSPELT, **AMBIGUOUS}[name]
    assert sources.load().warnings == (f"{name} in {sources.dotenv} is not a setting, did you mean {meant}?",)


@pytest.mark.parametrize("name", MISSPELT)
def test_misspelt_environment_variable_is_reported_without_prefix(sources: Sources, name: str) -> None:
    sources.environ = {name: "1"}
    meant = f"did you mean {MISSPELT[name]}?"
    assert sources.load().warnings == (f"environment variable {name} is not a setting, {meant}",)


def test_common_environment_variables_are_not_reported(sources: Sources) -> None:
    """They belong to other programs."""
    sources.environ = dict.fromkeys([*AMBIGUOUS, *FOREIGN, "ENABLE_LOGIN", "BIND", "ROOT"], "1")
    assert sources.load().warnings == ()


def test_foreign_names_in_dotenv_are_not_reported(sources: Sources) -> None:
    sources.dotenv.write_text("".join(f"{name}=1\n" for name in FOREIGN))
    assert sources.load().warnings == ()


CHECKED = {"ARCHIVER_CHECK_ENVIRONMENT": "yes"}


def test_check_environment_reports_variables_like_those_of_dotenv(sources: Sources) -> None:
    sources.environ = dict.fromkeys(FOREIGN, "1") | {"PROT": "1"} | CHECKED
    assert sources.load().warnings == ("environment variable PROT is not a setting, did you mean PORT?",)


COMPOSE_SERVICE = PROJECT / "config" / "compose.service.yml"


def test_compose_passes_and_checks_both_files_of_variables() -> None:
    """Compose itself reports no misspelt name: it only substitutes the names that its file mentions."""
    service = COMPOSE_SERVICE.read_text("utf-8")
    assert 'env_file: ["${DOCKER_ENV_FILE:-./.env}", .env]\n' in service
    assert 'ARCHIVER_CHECK_ENVIRONMENT: "yes"\n' in service
    assert "\nDOCKER_ENV_FILE=.docker_env\n" in (PROJECT / ".docker_env.example").read_text("utf-8")


def test_variables_that_compose_substitutes_are_not_reported(sources: Sources) -> None:
    substituted = set(re.findall(r"\$\{(\w+)[:}]", COMPOSE_SERVICE.read_text("utf-8"))) - {
        "PORT",
        "PHOTOS_DIR",
    }
    sources.environ = dict.fromkeys([*substituted, *COMPOSE_VARIABLES], "1") | CHECKED
    assert sources.load().warnings == ()


def test_misspelt_variable_of_compose_is_reported(sources: Sources) -> None:
    sources.environ = {"ARCHIVER_USR": "1", **CHECKED}
    (warning,) = sources.load().warnings
    assert warning.endswith(" is not a setting, did you mean ARCHIVER_USER?")


def test_variable_of_compose_without_compose_is_reported(sources: Sources) -> None:
    sources.environ = {"ARCHIVER_USER": "1"}
    assert len(sources.load().warnings) == 1


@pytest.mark.parametrize(
    "name",
    [
        *("ARCHIVER_CONFIG", "ARCHIVER_COMPRESSION_LEVEL", "PORTS", "MY_ARCHIVER_LEVELS"),
        *("ARCHIVER_SERVICE_HOST", "ARCHIVER_PORT_7777_TCP_ADDR"),
    ],
)
def test_setting_or_foreign_variable_is_not_reported(sources: Sources, name: str) -> None:
    sources.write_config("")
    sources.environ = {name: str(sources.config) if name == "ARCHIVER_CONFIG" else "6"}
    assert sources.load().warnings == ()


def test_empty_unknown_variable_is_not_reported(sources: Sources) -> None:
    sources.dotenv.write_text("ARCHIVER_LEVELS=\n")
    sources.environ = {"ARCHIVER_WORKER": ""}
    assert sources.load().warnings == ()


# The messages of the running service

KEY = "0123456789abcdef"
WARNING = "environment variable ARCHIVER_LINK_SECRETS is not a setting, did you mean ARCHIVER_LINK_SECRET?"


def test_log_has_one_warning_for_several_workers(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "3", env={"ARCHIVER_LINK_SECRETS": KEY}) as server:
        assert server.log().count(f"WARNING {WARNING}\n") == server.log().count("is not a setting") == 1
        server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: server.log().count(WARNING) == 2)
        assert KEY not in server.log()


@pytest.mark.parametrize("name", ["ARCHIVER_ZIP_LEVEL", "ARCHIVER_STORED_ZIP_LEVEL", "ARCHIVER_RAR_LEVEL"])
def test_variable_that_resembles_one_of_a_backend_is_reported_once(tmp_path: Path, name: str) -> None:
    """Of a built-in backend that is not enabled, one that is enabled, and one that is not installed."""
    (line,) = run("--print-config", cwd=tmp_path, env={name: "3"}).stderr.splitlines()
    assert line.startswith(f"server.py: environment variable {name} is not a setting")


def test_print_config_of_missing_backend_shows_the_others(tmp_path: Path) -> None:
    ended = run("--print-config", "--formats", "rar", cwd=tmp_path)
    (line,) = ended.stderr.splitlines()
    assert line.startswith("server.py: formats: 'rar' (flag --formats): there is no backend 'rar'")
    assert "port " in ended.stdout
    assert ended.returncode == 0


def test_print_config_writes_the_warning_to_stderr(tmp_path: Path) -> None:
    ended = run("--print-config", cwd=tmp_path, env={"ARCHIVER_LINK_SECRETS": KEY})
    assert (ended.returncode, ended.stderr) == (0, f"server.py: {WARNING}\n")
    assert KEY not in ended.stdout
