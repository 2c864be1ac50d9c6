"""Tests of `option`: names that follow from the field, values as text, and secrets."""

from typing import Any

import pytest

from tests.settings.sources import BY_NAME
from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.types import PATH


def test_names_follow_from_the_field() -> None:
    option = BY_NAME["max_downloads_per_client"]
    assert option.flags == ["--max-downloads-per-client"]
    assert option.env == "ARCHIVER_MAX_DOWNLOADS_PER_CLIENT"
    assert option.key == "max-downloads-per-client"


def test_short_flag_and_variable_are_given() -> None:
    assert BY_NAME["port"].flags == ["-P", "--port"]
    assert BY_NAME["port"].env == "PORT"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "(none)"), ((), "(none)"), ((1, 2), "1,2"), (0.5, "0.5"), (300.0, "300"), (True, "yes")],
)
def test_value_is_formatted_like_a_source(value: Any, text: str) -> None:
    assert BY_NAME["port"].format(value) == text


def test_value_with_line_break_is_escaped() -> None:
    assert BY_NAME["download_name"].format("a\nb") == "'a\\nb'"


def test_secret_is_not_shown() -> None:
    option = Option("key", "", PATH, "A secret.", "KEY", secret=True)
    assert option.format("hunter2") == "(not shown)"
    with pytest.raises(SettingsError, match=r"^key: the value \(flag --key\) is not allowed: a path$"):
        option.parse("hunter2\0", "flag --key")
