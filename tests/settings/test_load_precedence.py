"""Tests of `load`: which source of a setting wins, and which texts count as unset."""

from pathlib import Path

import pytest

from tests.settings.examples import EXAMPLES
from tests.settings.sources import BY_NAME, SOURCES, Sources, each_option
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.options import OPTIONS, Settings


@pytest.mark.parametrize("source", SOURCES)
@each_option(OPTIONS)
def test_source_overrides_all_weaker_ones(sources: Sources, option: Option, source: str) -> None:
    example = EXAMPLES[option.name]
    for weaker in SOURCES[SOURCES.index(source) + 1 :]:
        sources.give(weaker, option, example.other)
    origin = sources.give(source, option, example.text)
    settings = sources.load()
    assert getattr(settings, option.name) == example.value
    assert type(getattr(settings, option.name)) is type(example.value)
    assert settings.origins[option.name] == origin
    assert [name for name, source in settings.origins.items() if source != "default"] == [option.name]


def test_settings_from_several_sources_are_merged(sources: Sources) -> None:
    sources.give("config", BY_NAME["compression_level"], "1")
    sources.give("dotenv", BY_NAME["backend"], "tar")
    sources.give("environment", BY_NAME["port"], "80")
    sources.give("flag", BY_NAME["host"], "::1")
    assert sources.load() == Settings(host=("::1",), port=80, backend="tar", compression_level=1)


@pytest.mark.parametrize("flag", [["-P80"], ["-P", "80"], ["--port=80"]], ids=" ".join)
@pytest.mark.parametrize("weaker", SOURCES[1:])
def test_overridden_invalid_value_is_ignored(sources: Sources, weaker: str, flag: list[str]) -> None:
    sources.give(weaker, BY_NAME["port"], "abc")
    sources.argv += flag
    assert sources.load().port == 80
    assert sources.load().origins["port"] == "flag --port"


@pytest.mark.parametrize("source", SOURCES[1:])
@each_option(OPTIONS)
def test_empty_text_counts_as_unset(sources: Sources, option: Option, source: str) -> None:
    sources.give(source, option, "")
    settings = sources.load()
    assert settings == Settings()
    assert settings.origins[option.name] == "default"


def test_empty_variable_falls_back_to_weaker_sources(sources: Sources) -> None:
    sources.give("config", BY_NAME["port"], "80")
    sources.give("dotenv", BY_NAME["port"], "")
    sources.give("environment", BY_NAME["port"], "")
    assert sources.load().port == 80


def test_load_reads_only_its_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setattr("sys.argv", ["server.py", "--port=3"])
    assert load_settings([], {}, None) == Settings()


def test_missing_dotenv_counts_as_empty(tmp_path: Path) -> None:
    assert load_settings([], {}, tmp_path / ".env") == Settings()
