"""What is shown of the settings, without secrets, and the commented config file."""

import dataclasses
import re
from pathlib import Path

import pytest

from tests.settings.sources import Sources
from tornado_archiver.errors import SettingsError
from tornado_archiver.setting import Setting
from tornado_archiver.setting_table import PROJECT_ROOT, SETTINGS
from tornado_archiver.setting_types import PATH
from tornado_archiver.settings import Settings, config_file_text, describe


def test_print_config_shows_every_value_and_its_origin(sources: Sources) -> None:
    sources.argv = ["--port=80", "--formats=tar,tar.gz", "--photos-dir=a\nb", "--enable-logging"]
    sources.environ = {"RESPONSE_DELAY": "0.50"}
    lines = describe(sources.read()).splitlines()
    rows = [tuple(re.split(" {2,}", line)) for line in lines]
    assert [row[0] for row in rows] == [row.key for row in SETTINGS]
    assert {
        ("host", "127.0.0.1", "default"),
        ("port", "80", "flag --port"),
        ("photos-dir", "'a\\nb'", "flag --photos-dir"),
        ("formats", "tar,tar.gz", "flag --formats"),
        ("stored-threshold", "67108864", "default"),
        ("trusted-proxies", "127.0.0.1/32,::1/128", "default"),
        ("link-secret-file", "(none)", "default"),
        ("enable-logging", "yes", "flag --enable-logging"),
        ("response-delay", "0.5", "environment variable RESPONSE_DELAY"),
    } <= set(rows)
    assert len({line.rindex("default") for line in lines if line.endswith("default")}) == 1, "columns"


def test_a_secret_is_shown_nowhere() -> None:
    row = Setting(("--key",), "KEY", "", PATH, "A secret.", secret=True)
    assert row.show("hunter2") == "(not shown)"
    with pytest.raises(SettingsError, match=r"^key: the value \(flag --key\) is not allowed: a path$"):
        row.parse("hunter2\0", "flag --key")


def test_the_commented_config_file_is_up_to_date() -> None:
    # python -m tornado_archiver.settings > config/archiver.conf
    assert (PROJECT_ROOT / "config" / "archiver.conf").read_text(encoding="utf-8") == config_file_text()


def test_the_commented_config_file_changes_nothing(sources: Sources) -> None:
    sources.write_config(config_file_text())
    assert sources.read() == Settings()


def test_every_line_of_the_commented_config_file_can_be_uncommented(sources: Sources) -> None:
    text, count = re.subn(r"(?m)^# ([a-z-]+ =.*)$", r"\1", config_file_text())
    assert count == len(SETTINGS)
    sources.write_config(text)
    settings = sources.read()
    assert dataclasses.replace(settings, photos_dir=Settings().photos_dir) == Settings()
    assert settings.photos_dir == Path("demo/photos")
    assert [name for name, origin in settings.origins.items() if origin == "default"] == [
        "formats",
        "link_secret",
        "link_secret_file",
    ]
