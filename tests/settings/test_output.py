"""Tests of `output`: --print-config, the generated config file and documentation."""

import dataclasses
import re
from pathlib import Path

from tests.settings.sources import Sources
from tornado_archiver.settings.options import OPTIONS, Settings
from tornado_archiver.settings.output import (
    CONFIG_FILE,
    DOCUMENTATION,
    config_file,
    documentation,
    format_settings,
)

REGENERATE = "run python -m tornado_archiver.settings.output"


def test_print_config_shows_every_value_and_its_origin(sources: Sources) -> None:
    sources.argv = ["--port=80", "--formats=tar,tar.gz", "--photos-dir=a\nb", "--enable-logging"]
    sources.environ = {"RESPONSE_DELAY": "0.50"}
    lines = format_settings(sources.load()).splitlines()
    rows = [tuple(re.split(" {2,}", line)) for line in lines]
    assert [row[0] for row in rows] == [option.key for option in OPTIONS]
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


def test_config_file_is_up_to_date() -> None:
    assert CONFIG_FILE.read_text(encoding="utf-8") == config_file(), REGENERATE


def test_documentation_is_up_to_date() -> None:
    page = DOCUMENTATION.read_text(encoding="utf-8")
    assert page == documentation(page), REGENERATE
    assert page == documentation(page.replace("| `-P`, `--port` |", "| outdated |")), "markers"


def test_config_file_with_comments_only_changes_nothing(sources: Sources) -> None:
    sources.write_config(config_file())
    assert sources.load() == Settings()


def test_config_file_uncommented_gives_the_defaults(sources: Sources) -> None:
    text, count = re.subn(r"(?m)^# ([a-z-]+ =.*)$", r"\1", config_file())
    assert count == len(OPTIONS)
    sources.write_config(text)
    settings = sources.load()
    assert dataclasses.replace(settings, photos_dir=Settings().photos_dir) == Settings()
    assert settings.photos_dir == Path("demo/photos")
    assert {name for name, origin in settings.origins.items() if origin == "default"} == {
        "formats",
        "top_folder",
        "cors_origin",
        "link_secret",
        "link_secret_file",
        "site_name",
        "site_url",
        "templates_dir",
    }
