"""Tests of `help`: the overview, the sections and each setting, on a terminal of 80 columns."""

import re

import pytest

from tests.settings.sources import each_option
from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.help import help_text
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.options import CONFIG, DEMO_PHOTOS, OPTIONS

SECTIONS = [option.section for option in OPTIONS if option.section]
TOPICS = [title.lower().replace(" ", "-") for title in SECTIONS]
SCREEN_LINES = 40


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("topic", [None, *TOPICS])
def test_topic_fits_on_a_screen(topic: str | None) -> None:
    lines = help_text("server.py", topic).splitlines()
    assert len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= 80


def test_overview_names_every_topic_and_the_most_used_settings() -> None:
    overview = " ".join(help_text("server.py", None).split())
    for words in (
        "Usage: server.py [DIR]",
        *TOPICS,
        "--photos-dir",
        "--port",
        "--host",
        "--backend",
        "--check",
    ):
        assert words in overview


def test_sections_list_every_setting_once() -> None:
    listed = [flag for topic in TOPICS for flag in re.findall(r"(?m)^  .*(--\S+)", help_text("x", topic))]
    flags = [line.strip() for line in listed]
    assert [flag for flag in flags if flag in {option.flag for option in OPTIONS}] == [
        option.flag for option in OPTIONS
    ]


@each_option([CONFIG, *OPTIONS])
def test_help_of_a_setting_is_complete(option: Option) -> None:
    shown = " ".join(help_text("server.py", option.key).split())
    assert shown == " ".join(help_text("server.py", option.flag).split())
    for words in (*option.flags, option.help, option.type.expected, option.default, option.env):
        assert " ".join(words.split()) in shown
    assert str(DEMO_PHOTOS) not in shown


def test_help_all_has_overview_and_every_section() -> None:
    shown = help_text("server.py", "all")
    assert all(help_text("server.py", topic) in shown for topic in (None, *TOPICS))


def test_unknown_topic_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(SettingsError, match=r"^help: 'tiemouts' is not a topic, did you mean timeouts\?$"):
        help_text("server.py", "tiemouts")


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["--port=x", "--help"], ["--help", "--port=x"]])
def test_help_flag_prints_the_overview_and_exits(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load_settings(argv, {"PORT": "ignored"}, None)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: ")


def test_help_flag_with_a_topic_prints_the_topic(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load_settings(["--help", "timeouts"], {}, None)
    assert capsys.readouterr().out == help_text("x", "timeouts")
