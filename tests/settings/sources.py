"""Where a value may come from: a command line, an environment, a .env and a config file, to be filled."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tornado_archiver.errors import SettingsError
from tornado_archiver.setting import Setting
from tornado_archiver.setting_table import SETTINGS
from tornado_archiver.settings import Settings
from tornado_archiver.settings_reader import read_settings

ROWS = {row.name: row for row in SETTINGS}
SOURCES = ["flag", "environment", "dotenv", "config"]


class Sources:
    """A command line, an environment, a .env and a config file, all empty at first."""

    def __init__(self, directory: Path) -> None:
        self.argv: list[str] = []
        self.environ: dict[str, str] = {}
        self.dotenv = directory / ".env"
        self.config = directory / "archiver.conf"

    def give(self, source: str, row: Setting, text: str) -> str:
        """Put `text` for the setting into the source, and return the origin that is expected for it."""
        if source == "flag":
            self.argv.append(f"{row.flags[-1]}={text}")
            return f"flag {row.flags[-1]}"
        if source == "environment":
            self.environ[row.env] = text
            return f"environment variable {row.env}"
        if source == "dotenv":
            self.dotenv.write_text(f"{row.env}={text}\n", encoding="utf-8")
            return f"{row.env} in {self.dotenv}"
        self.write_config(f"{row.key} = {text}\n")
        return f"{row.key} in {self.config}"

    def write_config(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")
        self.argv += ["--config", str(self.config)]

    def read(self) -> Settings:
        return read_settings(self.argv, self.environ, self.dotenv)

    def complaint(self) -> str:
        """What is said about the settings, which must be one line."""
        with pytest.raises(SettingsError) as caught:
            self.read()
        text = str(caught.value)
        assert text.isprintable()
        return text


def by_name(rows: Sequence[Setting]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])
