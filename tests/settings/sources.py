"""The sources of settings as a test fills them: command line, environment, .env file and config file."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.options import OPTIONS, Settings

BY_NAME = {option.name: option for option in OPTIONS}
SOURCES = ["flag", "environment", "dotenv", "config"]  # the strongest one first


class Sources:
    """A command line, an environment, a .env file and a config file, all empty at first."""

    def __init__(self, directory: Path) -> None:
        self.argv: list[str] = []
        self.environ: dict[str, str] = {}
        self.dotenv = directory / ".env"
        self.config = directory / "archiver.conf"

    def give(self, source: str, option: Option, text: str) -> str:
        """Add `text` for the option to the source. Return its expected origin."""
        if source == "flag":
            self.argv.append(f"{option.flag}={text}")
            return f"flag {option.flag}"
        if source == "environment":
            self.environ[option.env] = text
            return f"environment variable {option.env}"
        if source == "dotenv":
            self.dotenv.write_text(f"{option.env}={text}\n", encoding="utf-8")
            return f"{option.env} in {self.dotenv}"
        self.write_config(f"{option.key} = {text}\n")
        return f"{option.key} in {self.config}"

    def write_config(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")
        self.argv += ["--config", str(self.config)]

    def load(self) -> Settings:
        return load_settings(self.argv, self.environ, self.dotenv)

    def error(self) -> str:
        """Return the text of the SettingsError, which must be one line."""
        with pytest.raises(SettingsError) as caught:
            self.load()
        text = str(caught.value)
        assert text.isprintable()
        return text


def each_option(options: Sequence[Option]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("option", options, ids=[option.name for option in options])
