"""Tests of `options`: complete declarations, unique names, defaults."""

import types
import typing

import pytest

from tests.settings.examples import EXAMPLES
from tests.settings.sources import BY_NAME, Sources
from tornado_archiver.settings.options import CONFIG, OPTIONS, Settings


def test_examples_cover_every_setting() -> None:
    assert list(EXAMPLES) == list(BY_NAME)
    assert all(example.invalid for example in EXAMPLES.values())


@pytest.mark.parametrize("name", ["key", "env"])
def test_names_are_unique(name: str) -> None:
    names = [getattr(option, name) for option in (CONFIG, *OPTIONS)]
    assert len(set(names)) == len(names)


def test_established_variables_have_no_prefix() -> None:
    without = {option.env for option in OPTIONS if not option.env.startswith("ARCHIVER_")}
    assert without == {"PORT", "PHOTOS_DIR", "ENABLE_LOGGING", "ENABLE_RESPONSE_DELAY", "RESPONSE_DELAY"}


def test_defaults_without_sources(sources: Sources) -> None:
    defaults: dict[str, typing.Any] = {name: example.default for name, example in EXAMPLES.items()}
    assert sources.load() == Settings() == Settings(**defaults, print_config=False)
    assert set(sources.load().origins.values()) == {"default"}


def test_default_texts_give_the_defaults() -> None:
    for option in OPTIONS:
        if option.name != "photos_dir":  # the text is relative to the project
            assert option.parse(option.default, "default") == getattr(Settings(), option.name)


def test_defaults_have_the_annotated_type() -> None:
    for name, hint in typing.get_type_hints(Settings).items():
        annotated = hint if isinstance(hint, types.UnionType) else typing.get_origin(hint) or hint
        # a bool is an int as well
        value = getattr(Settings(), name)
        assert isinstance(value, annotated), name
        assert isinstance(value, bool) == (annotated is bool), name


def test_secret_is_not_in_repr() -> None:
    assert "hunter2" not in repr(Settings(link_secret=("hunter2",)))
