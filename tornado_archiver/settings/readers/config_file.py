"""Parses the config file: strictly, because each line that is not used would be a setting without effect."""

from collections.abc import Iterable
from pathlib import Path

import configargparse

from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.option import Option, Value
from tornado_archiver.settings.options import OPTIONS
from tornado_archiver.settings.readers.sections import is_blank, split_line
from tornado_archiver.settings.similar import SEE_HELP, SETTING_SYNONYMS, did_you_mean
from tornado_archiver.settings.types import printable

_BY_KEY = {option.key: option for option in OPTIONS}


class ConfigFile(configargparse.DefaultConfigFileParser):  # type: ignore[misc]  # it has no type hints
    """configargparse's parser of config files, but strict: each line must be a setting or blank."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = printable(str(path))

    def parse(self, stream: Iterable[str]) -> dict[str, str]:
        """Return the tagged text of every key. Empty text counts as unset. The last line of a key wins."""
        texts = dict(
            self._parse_line(line.strip(), number)
            for number, line in enumerate(stream, 1)
            if not is_blank(line.strip())
        )
        return {key: Value(text, f"{key} in {self.path}").tagged() for key, text in texts.items() if text}

    def _parse_line(self, line: str, number: int) -> tuple[str, str]:
        try:
            key, text = split_line(line)
        except ValueError:
            raise SettingsError(
                f"line {number} of {self.path} cannot be read: key = value is allowed"
            ) from None
        option = self._option(key, number)
        return option.key, option.text_of_line(text, f"{option.key} in {self.path}")

    def _option(self, key: str, number: int) -> Option:
        if key in _BY_KEY:
            return _BY_KEY[key]
        hint = did_you_mean(key, _BY_KEY, SETTING_SYNONYMS, otherwise="")
        # a key that resembles no setting may be a link secret on a separate line
        label = f"{key!r} in" if hint else f"line {number} of"
        raise SettingsError(f"{label} {self.path} is not a setting, {hint or SEE_HELP}")
