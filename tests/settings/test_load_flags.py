"""Tests of `load`: flags, and errors in the command line."""

import pytest

from tests.settings.sources import Sources
from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings
from tornado_archiver.settings.types import BOOL, HOSTS


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["-P", "80"], Settings(port=80)),
        (["-P80"], Settings(port=80)),
        (["--port", "80", "-P", "81"], Settings(port=81)),
        (["-H", "localhost", "--compression-level=0"], Settings(host=("localhost",), compression_level=0)),
        (["--formats="], Settings()),
        (["--download-name=--"], Settings(download_name="--")),
        (["--download-name=---"], Settings(download_name="---")),
        (["--download-name={{x}} {hash}"], Settings(download_name="{{x}} {hash}")),
        (["--formats", "tar,tar , zip"], Settings(formats=("tar", "zip"))),
        (["--response-delay", ".5"], Settings(response_delay=0.5)),
        (["--print-config"], Settings(print_config=True)),
        (["--check"], Settings(check=True)),
    ],
)
def test_command_line_gives_settings(argv: list[str], expected: Settings) -> None:
    assert load_settings(argv, {}, None) == expected


def test_empty_flag_overrides_weaker_source() -> None:
    assert load_settings(["--formats="], {"ARCHIVER_FORMATS": "tar"}, None).formats == ()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--port"], "port: no value (flag --port), allowed: a whole number from 0 to 65535"),
        (["-P"], "port: no value (flag --port), allowed: a whole number from 0 to 65535"),
        (["--host", "--port", "1"], f"host: no value (flag --host), allowed: {HOSTS.expected}"),
        (["--port="], "port: '' (flag --port) is not allowed: a whole number from 0 to 65535"),
        (["--port", "-1"], "port: '-1' (flag --port) is not allowed: a whole number from 0 to 65535"),
        (["--photos-dir="], "photos-dir: '' (flag --photos-dir) is not allowed: a path"),
        (["--prot", "80"], "'--prot' is not a flag, did you mean --port?"),
        (["--prot=80"], "'--prot' is not a flag, did you mean --port?"),
        (["-port", "80"], "'-port' is not a flag, did you mean --port?"),
        (["--photos_dir=x"], "'--photos_dir' is not a flag, did you mean --photos-dir?"),
        (["--conf", "x"], "'--conf' is not a flag, did you mean --config?"),
        (["-x"], "'-x' is not a flag, --help all lists them"),
        (["-a\nb"], "'-a\\nb' is not a flag, --help all lists them"),
        (["--print-config=yes"], "--print-config does not accept a value"),
        (
            ["--enable-logging=--"],
            f"enable-logging: '--' (flag --enable-logging) is not allowed: {BOOL.expected}",
        ),
        (["--config"], "config: no value (flag --config), allowed: a path"),
        (["--config="], "config: '' (flag --config) is not allowed: a path"),
    ],
)
def test_invalid_command_line_is_reported(sources: Sources, argv: list[str], message: str) -> None:
    sources.argv = argv
    assert sources.error() == message


def test_check_reports_every_invalid_value(sources: Sources) -> None:
    sources.argv = ["--check", "--port=x", "--workers=0"]
    with pytest.raises(SettingsError) as caught:
        sources.load()
    assert str(caught.value).splitlines() == [
        "port: 'x' (flag --port) is not allowed: a whole number from 0 to 65535",
        "workers: '0' (flag --workers) is not allowed: a whole number from 1 to 64",
    ]
