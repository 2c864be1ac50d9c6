"""Loads the settings: flag over environment variable over .env file over config file over default.

configargparse decides which source wins. Each text passes through it together with its origin, so that a
message can name the source. The library knows text only: `options` parses it and describes what is allowed.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import configargparse

from tornado_archiver import ENTRY_POINT_GROUP, __version__, program_name
from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.help import help_text
from tornado_archiver.settings.option import BackendSources, Option, Value
from tornado_archiver.settings.options import CONFIG, DEFAULT, OPTIONS, Settings
from tornado_archiver.settings.readers.config_file import ConfigFile
from tornado_archiver.settings.readers.environment import (
    prefixed_variables,
    read_environment,
    unknown_variables,
)
from tornado_archiver.settings.readers.files import read_text
from tornado_archiver.settings.readers.sections import split_sections
from tornado_archiver.settings.similar import SETTING_SYNONYMS, did_you_mean
from tornado_archiver.settings.types import BOOL, printable

_ALL = (CONFIG, *OPTIONS)
_SWITCHES = {flag for option in OPTIONS if option.type is BOOL for flag in option.flags}
_DIRECTORY = "argument DIR"  # the origin of photos-dir that is given without a flag


def load_settings(argv: Sequence[str], environ: Mapping[str, str], dotenv: Path | None) -> Settings:
    """Return the settings from the arguments `argv` (without the program's name), the variables `environ`,
    the file `dotenv`, and the config file that a flag or a variable names.

    A missing `dotenv` counts as empty.

    Raise SettingsError with one line of text; with `--check`, with one line for each invalid value. `--help`
    prints the help and raises SystemExit(0).
    """
    flags = _collect(argv, {})
    env = read_environment(environ, dotenv)
    path, text = _read_config(flags.get(CONFIG.name) or env.get(CONFIG.env))
    text, sections = split_sections(text)
    given = _collect(argv, env, path, text)
    other_variables = prefixed_variables(env)
    settings = Settings(
        **_parse(given),
        print_config=given["print_config"],
        check=given["check"],
        origins={o.name: given[o.name].origin if o.name in given else DEFAULT for o in OPTIONS},
        backend_sources=BackendSources(other_variables, sections, printable(str(path))),
    )
    backends = _backend_names(settings) if other_variables else ()
    return replace(settings, warnings=unknown_variables(env, environ, settings.check_environment, backends))


def _backend_names(settings: Settings) -> set[str]:
    """Return the names of all backends, whose variables are checked when they are loaded."""
    return {settings.backend, *settings.formats, *entry_points(group=ENTRY_POINT_GROUP).names}


def _read_config(config: Value | None) -> tuple[Path, str]:
    """Return path and text of the config file, an empty text if there is none."""
    path = CONFIG.parse(*config) if config else Path()
    return path, read_text(path, f"{CONFIG.key}: {str(path)!r} ({config.origin})") if config else ""


def _parse(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each given text. Raise SettingsError."""
    values, problems = {}, []
    for option in OPTIONS:
        try:
            if option.name in given:
                values[option.name] = option.parse(*given[option.name])
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems) if given["check"] else problems[0])
    return values


def _collect(
    argv: Sequence[str], env: Mapping[str, Value], path: Path = Path(), text: str = ""
) -> dict[str, Any]:
    """Return the value of each given setting, from the source that wins. `text` is the config file."""
    flags, rest = _split(argv)
    try:
        namespace, unknown = _Parser(path).parse_known_args(
            args=flags,
            env_vars={name: value.tagged() for name, value in env.items()},
            config_file_contents=text,
        )
    except argparse.ArgumentError as error:
        raise SettingsError(_argument_error(error)) from None
    given = {name: value for name, value in vars(namespace).items() if value is not None}
    if directory := _directory(unknown, rest, given):
        given["photos_dir"] = directory
    return given


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before and after the first "--"."""
    end = [*argv, "--"].index("--")
    # argparse would take the directory for the optional value of the flag before it
    flags = [
        f"{word}=yes" if word in _SWITCHES and "/" in following else word
        for word, following in pairwise([*argv[:end], ""])
    ]
    return flags, list(argv[end + 1 :])


def _directory(unknown: Sequence[str], rest: Sequence[str], given: Mapping[str, Any]) -> Value | None:
    """Return the photos directory that is given without a flag. Raise SettingsError.

    It must exist, and a message never contains it, because it may be a link secret: two keys that a blank
    separates instead of a comma.
    """
    for word in unknown:
        if word.startswith("-"):
            raise SettingsError(_unknown_flag(word))
    words = [*unknown, *rest]
    if not words:
        return None
    if len(words) > 1:
        raise SettingsError(f"{len(words)} arguments that are not flags, only one is allowed: DIR")
    photos_dir = given.get("photos_dir", Value("", ""))
    if photos_dir.origin.startswith("flag"):
        raise SettingsError(f"photos-dir: given by {_DIRECTORY} and {photos_dir.origin}, only one is allowed")
    if not os.path.isdir(words[0]):
        raise SettingsError(
            f"photos-dir: the value ({_DIRECTORY}) is not allowed: an existing directory;"
            " all other settings need a flag"
        )
    return Value(words[0], _DIRECTORY)


def _untag(flag: str, text: str) -> Value:
    """Return the value in a text from configargparse. A text without an origin comes from the flag."""
    value, tagged, origin = text.rpartition("\0")
    return Value(value, origin) if tagged else Value(text, f"flag {flag}")


def _argument_error(error: argparse.ArgumentError) -> str:
    """Return the message for a flag that lacks a value, or for a value of a flag that takes none."""
    for option in _ALL:
        if error.argument_name == "/".join(option.flags):
            return f"{option.key}: no value (flag {option.flag}), allowed: {option.type.expected}"
    return f"{error.argument_name} does not accept a value"


def _unknown_flag(word: str) -> str:
    flag = word.partition("=")[0]  # without the text after =, because it may be a secret
    known = [*(option.flag for option in _ALL), "--check", "--print-config", "--version", "--help"]
    return f"{flag!r} is not a flag, {did_you_mean(flag, known, SETTING_SYNONYMS)}"


class _Parser(configargparse.ArgumentParser):  # type: ignore[misc]  # it has no type hints
    """configargparse's parser with all options. It raises SettingsError instead of exiting."""

    def __init__(self, config: Path) -> None:
        super().__init__(
            allow_abbrev=False,
            exit_on_error=False,
            add_help=False,
            add_env_var_help=False,
            config_file_parser_class=ConfigFile(config),
        )
        for option in _ALL:
            self.add_argument(*option.flags, **_arguments(option))
        self.add_argument("-h", "--help", action=_Help, nargs="?")
        self.add_argument("--check", action="store_true")
        self.add_argument("--print-config", action="store_true")
        self.add_argument("--version", action="version", version=f"tornado-archiver {__version__}")

    def error(self, message: str) -> NoReturn:
        raise SettingsError(" ".join(message.split()))

    def _get_values(self, action: Any, arg_strings: list[str]) -> Any:
        # argparse before 3.13 drops the value of --flag=--
        if arg_strings == ["--"]:
            return self._get_value(action, "--")
        return super()._get_values(action, arg_strings)


class _Help(argparse.Action):
    """Prints the help about a topic, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, topic: Any, flag: Any = None) -> None:
        print(help_text(program_name(), topic), end="")  # noqa: T201
        parser.exit()


def _arguments(option: Option) -> dict[str, Any]:
    """Return the arguments of add_argument for an option."""
    switch = {"nargs": "?", "const": "yes"} if option.type is BOOL else {}
    return {"env_var": option.env, "type": partial(_untag, option.flag), **switch}
