"""Settings that are on or off: how that may be written in every source."""

import pytest

from tests.settings.sources import ROWS, SOURCES, Sources, by_name
from tornado_archiver.setting import Setting
from tornado_archiver.setting_table import SETTINGS
from tornado_archiver.setting_types import SWITCH, SWITCH_WORDS

SWITCHES = [row for row in SETTINGS if row.kind is SWITCH]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("spelling", [*SWITCH_WORDS, "YES", "False", "oN"])
def test_switches_take_every_spelling(sources: Sources, source: str, spelling: str) -> None:
    sources.give(source, ROWS["enable_logging"], spelling)
    assert sources.read().enable_logging is (spelling.lower() in ("1", "true", "yes", "on"))


@by_name(SWITCHES)
def test_a_switch_alone_means_yes(sources: Sources, row: Setting) -> None:
    sources.argv = [row.flags[-1], "--port", "80"]
    settings = sources.read()
    assert getattr(settings, row.name) is True
    assert settings.port == 80


@by_name(SWITCHES)
def test_a_switch_alone_in_the_config_file_means_yes(sources: Sources, row: Setting) -> None:
    sources.write_config(f"{row.key}  # a comment\n")
    assert getattr(sources.read(), row.name) is True
