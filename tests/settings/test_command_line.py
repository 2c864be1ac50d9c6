"""The command line: what is read from it, what is said about a bad one, and its help."""

import pytest

from tests.settings.sources import Sources
from tornado_archiver.setting_table import PROJECT_ROOT, SETTINGS
from tornado_archiver.setting_types import SWITCH
from tornado_archiver.settings import Settings
from tornado_archiver.settings_reader import read_settings


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["-P", "80"], Settings(port=80)),
        (["-P80"], Settings(port=80)),
        (["--port", "80", "-P", "81"], Settings(port=81)),
        (["-H", "localhost", "--level=0"], Settings(host="localhost", level=0)),
        (["--formats="], Settings()),
        (["--download-name=--"], Settings(download_name="--")),
        (["--download-name=---"], Settings(download_name="---")),
        (["--download-name={{x}} {hash}"], Settings(download_name="{{x}} {hash}")),
        (["--formats", "tar,tar , zip"], Settings(formats=("tar", "zip"))),
        (["--response-delay", ".5"], Settings(response_delay=0.5)),
        (["--print-config"], Settings(print_config=True)),
    ],
)
def test_command_lines(argv: list[str], expected: Settings) -> None:
    assert read_settings(argv, {}, None) == expected


def test_an_empty_flag_takes_back_what_a_weaker_source_says() -> None:
    assert read_settings(["--formats="], {"ARCHIVER_FORMATS": "tar"}, None).formats == ()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--port"], "port: no value (flag --port), allowed is: a whole number from 0 to 65535"),
        (["-P"], "port: no value (flag --port), allowed is: a whole number from 0 to 65535"),
        (["--host", "--port", "1"], "host: no value (flag --host), allowed is: a host name or an IP address"),
        (["--port="], "port: '' (flag --port) is not allowed: a whole number from 0 to 65535"),
        (["--port", "-1"], "port: '-1' (flag --port) is not allowed: a whole number from 0 to 65535"),
        (["--photos-dir="], "photos-dir: '' (flag --photos-dir) is not allowed: a path"),
        (["--prot", "80"], "'--prot' is not a flag, did you mean --port?"),
        (["--prot=80"], "'--prot' is not a flag, did you mean --port?"),
        (["-port", "80"], "'-port' is not a flag, did you mean --port?"),
        (["--photos_dir=x"], "'--photos_dir' is not a flag, did you mean --photos-dir?"),
        (["--conf", "x"], "'--conf' is not a flag, did you mean --config?"),
        (["-x"], "'-x' is not a flag, --help lists them all"),
        (["stray"], "there is a word that belongs to no flag, --help lists them all"),
        (["--", "stray"], "there is a word that belongs to no flag, --help lists them all"),
        (
            ["--link-secret", "0123456789abcdef", "fedcba9876543210"],
            "there is a word that belongs to no flag, --help lists them all",
        ),
        (["-a\nb"], "'-a\\nb' is not a flag, --help lists them all"),
        (["--print-config=yes"], "--print-config takes no value"),
        (
            ["--enable-logging=--"],
            f"enable-logging: '--' (flag --enable-logging) is not allowed: {SWITCH.allowed}",
        ),
        (["--config"], "config: no value (flag --config), allowed is: a path"),
        (["--config="], "config: '' (flag --config) is not allowed: a path"),
    ],
)
def test_bad_command_lines(sources: Sources, argv: list[str], message: str) -> None:
    sources.argv = argv
    assert sources.complaint() == message


def test_help_names_every_flag_variable_and_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "600")
    with pytest.raises(SystemExit) as caught:
        read_settings(["--help"], {"PORT": "not looked at"}, None)
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for row in SETTINGS:
        assert row.flags[-1] in shown
        assert f"{row.help} Allowed: {row.kind.allowed}." in shown
        assert f"Environment variable: {row.env}." in shown
    assert "Default: demo/photos." in shown
    assert str(PROJECT_ROOT) not in shown
