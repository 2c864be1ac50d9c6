"""Parses the config file: strictly, because each line that is not used would be a setting without effect."""

import re
from collections.abc import Iterable
from pathlib import Path

import configargparse

from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.option import Option, Value
from tornado_archiver.settings.options import OPTIONS
from tornado_archiver.settings.similar import SEE_HELP, SETTING_SYNONYMS, did_you_mean
from tornado_archiver.settings.types import BOOL, printable

_BY_KEY = {option.key: option for option in OPTIONS}
# A line without a setting. The library skips more lines than these, even with a misspelt setting in them.
_BLANK = re.compile(r"(\[[^\]]*\]|-{3,})?\s*([#;].*)?")
# A comment right after the key or its separator: the library takes it for the value
_COMMENT_AS_VALUE = re.compile(r"([^:=;#\s]+\s*[:=]?)\s+[;#].*")


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
            if not _BLANK.fullmatch(line.strip())
        )
        return {key: Value(text, f"{key} in {self.path}").tagged() for key, text in texts.items() if text}

    def _parse_line(self, line: str, number: int) -> tuple[str, str]:
        commented = _COMMENT_AS_VALUE.fullmatch(line)
        bare = commented[1].rstrip() if commented else line
        try:
            # [ is hidden, because the library makes a list of [a, b] and skips a line that starts with it
            [(key, text)] = super().parse([bare.replace("[", "\0")]).items()
        except (configargparse.ConfigFileParserException, ValueError):
            raise SettingsError(
                f"line {number} of {self.path} cannot be read: key = value is allowed"
            ) from None
        option = self._option(key.removeprefix("--"), number)
        # the library reads a key without a value as true
        if bare.removeprefix("--") == option.key and option.type is not BOOL:
            raise SettingsError(
                f"{option.key}: no value ({option.key} in {self.path}), allowed: {option.type.expected}"
            )
        return option.key, text.replace("\0", "[")

    def _option(self, key: str, number: int) -> Option:
        if key in _BY_KEY:
            return _BY_KEY[key]
        hint = did_you_mean(key, _BY_KEY, SETTING_SYNONYMS)
        # a key that resembles no setting may be a link secret on a separate line
        label = f"line {number} of" if hint is SEE_HELP else repr(key.replace("\0", "[")) + " in"
        raise SettingsError(f"{label} {self.path} is not a setting, {hint}")
