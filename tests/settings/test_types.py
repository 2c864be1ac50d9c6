"""Tests of `types`: valid and invalid texts, and the error that names setting, origin and allowed text."""

import pytest

from tests.settings.examples import EXAMPLES
from tests.settings.sources import BY_NAME, SOURCES, Sources, each_option
from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.options import OPTIONS
from tornado_archiver.settings.types import BOOL, BOOL_WORDS, OPTIONAL_PATH, PATH

BOOLS = [option for option in OPTIONS if option.type is BOOL]


def expected_error(option: Option, text: str, origin: str) -> str:
    invalid = "the value" if option.secret else repr(text)
    return f"{option.key}: {invalid} ({origin}) is not allowed: {option.type.expected}"


@pytest.mark.parametrize(
    ("option", "text"),
    [(BY_NAME[name], text) for name, example in EXAMPLES.items() for text in example.invalid],
    ids=lambda value: value.key if isinstance(value, Option) else ascii(value)[:20],
)
def test_invalid_value_is_reported_with_origin_and_allowed_text(option: Option, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings([], {option.env: text}, None)
    assert str(caught.value) == expected_error(option, text, f"environment variable {option.env}")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("source", SOURCES)
@each_option([option for option in OPTIONS if option.type not in (PATH, OPTIONAL_PATH)])
def test_invalid_value_is_reported_for_each_source(sources: Sources, option: Option, source: str) -> None:
    text = EXAMPLES[option.name].invalid[0]
    origin = sources.give(source, option, text)
    assert sources.error() == expected_error(option, text, origin)


def test_two_invalid_values_report_the_first_option(sources: Sources) -> None:
    sources.environ = {"ARCHIVER_COMPRESSION_LEVEL": "x", "PORT": "y"}
    expected = "port: 'y' (environment variable PORT) is not allowed: a whole number from 0 to 65535"
    assert sources.error() == expected


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("word", [*BOOL_WORDS, "YES", "False", "oN"])
def test_bool_accepts_every_word(sources: Sources, source: str, word: str) -> None:
    sources.give(source, BY_NAME["enable_logging"], word)
    assert sources.load().enable_logging is (word.lower() in ("1", "true", "yes", "on"))


@each_option(BOOLS)
def test_bool_flag_without_value_is_yes(sources: Sources, option: Option) -> None:
    sources.argv = [option.flag, "--port", "80"]
    settings = sources.load()
    assert getattr(settings, option.name) is True
    assert settings.origins[option.name] == f"flag {option.flag}"
    assert settings.port == 80


@each_option(BOOLS)
def test_bool_key_without_value_is_yes(sources: Sources, option: Option) -> None:
    sources.write_config(f"{option.key}  # a comment\n")
    assert getattr(sources.load(), option.name) is True
