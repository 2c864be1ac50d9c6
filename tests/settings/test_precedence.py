"""Which source of a setting wins, and what counts as none."""

from pathlib import Path

import pytest

from tests.settings.examples import EXAMPLES
from tests.settings.sources import ROWS, SOURCES, Sources, by_name
from tornado_archiver.setting import Setting
from tornado_archiver.setting_table import SETTINGS
from tornado_archiver.settings import Settings
from tornado_archiver.settings_reader import read_settings


@pytest.mark.parametrize("source", SOURCES)
@by_name(SETTINGS)
def test_a_source_wins_over_all_weaker_ones(sources: Sources, row: Setting, source: str) -> None:
    text, value, other = EXAMPLES[row.name]
    for weaker in SOURCES[SOURCES.index(source) + 1 :]:
        sources.give(weaker, row, other)
    origin = sources.give(source, row, text)
    settings = sources.read()
    assert getattr(settings, row.name) == value
    assert type(getattr(settings, row.name)) is type(value)
    assert settings.origins[row.name] == origin
    assert [name for name, said in settings.origins.items() if said != "default"] == [row.name]


def test_sources_mix(sources: Sources) -> None:
    sources.give("config", ROWS["level"], "1")
    sources.give("dotenv", ROWS["backend"], "tar")
    sources.give("environment", ROWS["port"], "80")
    sources.give("flag", ROWS["host"], "::1")
    assert sources.read() == Settings(host="::1", port=80, backend="tar", level=1)


@pytest.mark.parametrize("weaker", SOURCES[1:])
def test_a_bad_value_that_loses_does_no_harm(sources: Sources, weaker: str) -> None:
    sources.give(weaker, ROWS["port"], "abc")
    sources.argv += ["-P80"]
    assert sources.read().port == 80


@pytest.mark.parametrize("source", SOURCES[1:])
@by_name(SETTINGS)
def test_empty_text_counts_as_unset(sources: Sources, row: Setting, source: str) -> None:
    sources.give(source, row, "")
    settings = sources.read()
    assert settings == Settings()
    assert settings.origins[row.name] == "default"


def test_an_empty_variable_lets_weaker_sources_through(sources: Sources) -> None:
    sources.give("config", ROWS["port"], "80")
    sources.give("dotenv", ROWS["port"], "")
    sources.give("environment", ROWS["port"], "")
    assert sources.read().port == 80


def test_nothing_but_the_arguments_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setattr("sys.argv", ["server.py", "--port=3"])
    assert read_settings([], {}, None) == Settings()


def test_a_missing_dotenv_is_an_empty_one(tmp_path: Path) -> None:
    assert read_settings([], {}, tmp_path / ".env") == Settings()
