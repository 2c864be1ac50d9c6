"""The two files that settings are read from: the config file and the .env file."""

import difflib
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import configargparse
from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from tornado_archiver.errors import SettingsError
from tornado_archiver.setting import Setting, printable
from tornado_archiver.setting_table import SETTINGS
from tornado_archiver.setting_types import SWITCH

VARIABLE_PREFIX = "ARCHIVER_"

_BY_KEY = {row.key: row for row in SETTINGS}
_NO_IDEA = "--help lists them all"
_SINGLE_QUOTED = re.compile(r"=[ \t]*'")
# what the library skips, and a reader would too; the rest of what it skips would be a setting lost
_BLANK = re.compile(r"(\[[^\]]*\]|-{3,})?\s*([#;].*)?")
# a comment right behind the key or its separator: the library takes it for the value
_COMMENT_AS_VALUE = re.compile(r"([^:=;#\s]+\s*[:=]?)\s+[;#].*")


def suggestion(word: str, known: Iterable[str]) -> str:
    """The half sentence for somebody who wrote `word` where only `known` words are taken."""
    names = {_distinct(name): name for name in known}
    near = difflib.get_close_matches(_distinct(word), names, n=1)
    return f"did you mean {names[near[0]]}?" if near else _NO_IDEA


def _distinct(name: str) -> str:
    # all that have the prefix resemble each other, and PORT has none
    return name.lower().removeprefix(VARIABLE_PREFIX.lower())


def read_text(path: Path, who: str, missing: str | None = None, encoding: str = "utf-8-sig") -> str:
    """The file's text, `missing` when there is no such file; a SettingsError that starts with `who` when
    there is no text to be had."""
    try:
        text = path.read_text(encoding=encoding)
    except OSError as error:
        if missing is not None and isinstance(error, FileNotFoundError):
            return missing
        raise SettingsError(f"{who} cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"{who} cannot be read: not text in UTF-8") from None
    if "\0" in text:
        raise SettingsError(f"{who} cannot be read: it holds a NUL character")
    return text


def read_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the .env file at `path`, read as docker compose does: ${NAME} stands for a variable
    except in single quotes, and `environ` knows better than the file. $NAME without braces stays as it is.
    A missing file is an empty one."""
    shown = printable(str(path))
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(read_text(path, shown, missing=""))):
        if binding.error:
            raise SettingsError(
                f"line {binding.original.line} of {shown} cannot be read: NAME=value is allowed"
            )
        # compose, too, leaves a name without = unset
        if binding.key is None or binding.value is None:
            continue
        literal = _SINGLE_QUOTED.search(binding.original.string)
        values[binding.key] = binding.value if literal else _expand(binding.value, {**values, **environ})
    return values


def _expand(text: str, variables: Mapping[str, str]) -> str:
    return "".join(atom.resolve(variables) for atom in parse_variables(text))


class ConfigFile(configargparse.DefaultConfigFileParser):  # type: ignore[misc]  # it has no type hints
    """The library's parser for the file at `path`, made strict: it knows the settings, returns text only,
    and says of a line it cannot use which one it is."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = printable(str(path))

    def parse(self, stream: Iterable[str]) -> dict[str, str]:
        """The text of every key; an empty one counts as unset, the last of several counts."""
        texts: dict[str, str] = {}
        for number, line in enumerate(stream, 1):
            if not _BLANK.fullmatch(line.strip()):
                key, text = self._parse_line(line.strip(), number)
                texts[key] = text
        return {key: text for key, text in texts.items() if text}

    def _parse_line(self, line: str, number: int) -> tuple[str, str]:
        commented = _COMMENT_AS_VALUE.fullmatch(line)
        bare = commented[1].rstrip() if commented else line
        try:
            # [ is hidden from the library: it would make a list of [a, b], and skip a line that starts so
            [(key, text)] = super().parse([bare.replace("[", "\0")]).items()
        except (configargparse.ConfigFileParserException, ValueError):
            raise SettingsError(
                f"line {number} of {self.path} cannot be read: key = value is allowed"
            ) from None
        row = self._setting(key.removeprefix("--"), number)
        # the library reads a key alone as true, which suits a switch only
        if bare.removeprefix("--") == row.key and row.kind is not SWITCH:
            raise SettingsError(
                f"{row.key}: no value ({row.key} in {self.path}), allowed is: {row.kind.allowed}"
            )
        return row.key, text.replace("\0", "[")

    def _setting(self, key: str, number: int) -> Setting:
        if key in _BY_KEY:
            return _BY_KEY[key]
        hint = suggestion(key, _BY_KEY)
        # what resembles no setting may be a key to links, on a line of its own
        what = f"line {number} of" if hint is _NO_IDEA else repr(key.replace("\0", "[")) + " in"
        raise SettingsError(f"{what} {self.path} is not a setting, {hint}")
