"""Reads the settings: flags over the environment over the .env file over the config file over defaults.

configargparse collects text only. What a text means, and what is wrong with it, `setting_table`
says, in the same words whatever the source was.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import configargparse

from tornado_archiver.errors import SettingsError
from tornado_archiver.setting import Setting, printable
from tornado_archiver.setting_files import (
    VARIABLE_PREFIX,
    ConfigFile,
    read_dotenv,
    read_text,
    suggestion,
)
from tornado_archiver.setting_table import CONFIG, SETTINGS
from tornado_archiver.setting_types import SWITCH
from tornado_archiver.settings import UNSET, Settings

_PROGRAM = "server.py"
_ROWS = (CONFIG, *SETTINGS)
# what Kubernetes tells every container about a service of the name "archiver"
_OF_KUBERNETES = re.compile(rf"{VARIABLE_PREFIX}(SERVICE|PORT_[0-9]+)_\w+")
_DESCRIPTION = "Streams a directory of files as an archive that is packed while it is sent."
_EPILOG = (
    "Every long flag is a key of the config file as well, without its dashes: photos-dir = /srv/photos. "
    "A flag wins over an environment variable, that over the .env file in the current directory, that over "
    "the config file. An empty variable counts as unset."
)


class _Given(NamedTuple):
    """A setting's text, and the words for where it came from."""

    text: str
    origin: str


def read_settings(argv: Sequence[str], environ: Mapping[str, str], dotenv: Path | None) -> Settings:
    """What `argv` (without the program's name), `environ`, the file `dotenv` and the config file that one
    of them names amount to. Nothing else is looked at; a missing `dotenv` is an empty one.

    Raises SettingsError with a text of one line; `--help` prints and raises SystemExit(0).
    """
    flags, print_config = _read_flags(argv)
    env = _read_environment(environ, dotenv)
    given = _collect(argv, flags, env)
    values = {row.name: row.parse(*given[row.name]) for row in SETTINGS if row.name in given}
    origins = {row.name: given[row.name].origin if row.name in given else UNSET for row in SETTINGS}
    return Settings(**values, print_config=print_config, origins=origins, warnings=_strangers(env))


def _read_flags(argv: Sequence[str]) -> tuple[dict[str, _Given], bool]:
    """What the command line alone says, by setting; and whether it asks for the configuration."""
    try:
        namespace, unknown = _Parser(Path()).parse_known_args(args=list(argv), env_vars={})
    except argparse.ArgumentError as error:
        raise SettingsError(_flag_complaint(error)) from None
    if unknown:
        raise SettingsError(_unknown_flag(unknown))
    texts = vars(namespace)
    given = {
        row.name: _Given(texts[row.name], f"flag {row.flags[-1]}")
        for row in _ROWS
        if texts[row.name] is not None
    }
    return given, namespace.print_config


def _flag_complaint(error: argparse.ArgumentError) -> str:
    """argparse's complaint in the words of the table: a setting without a value, or a value for one that
    takes none."""
    for row in _ROWS:
        if error.argument_name == "/".join(row.flags):
            return f"{row.key}: no value (flag {row.flags[-1]}), allowed is: {row.kind.allowed}"
    return f"{error.argument_name} takes no value"


def _unknown_flag(unknown: Sequence[str]) -> str:
    # what stands behind = is left out: it may be a secret with a misspelt name
    word = next((argument for argument in unknown if argument != "--"), "--").partition("=")[0]
    known = [*(row.flags[-1] for row in _ROWS), "--print-config", "--help"]
    if not word.startswith("-"):  # it may be the second of two keys, with a blank in place of a comma
        return "there is a word that belongs to no flag, --help lists them all"
    return f"{word!r} is not a flag, {suggestion(word, known)}"


def _read_environment(environ: Mapping[str, str], dotenv: Path | None) -> dict[str, _Given]:
    """The environment on top of the .env file, by variable. What is empty is left out: compose hands over
    empty text for a variable that is not set."""
    weak = {} if dotenv is None else read_dotenv(dotenv, environ)
    env = {key: _Given(text, f"{key} in {printable(str(dotenv))}") for key, text in weak.items() if text}
    return env | {key: _Given(text, f"environment variable {key}") for key, text in environ.items() if text}


def _strangers(env: Mapping[str, _Given]) -> tuple[str, ...]:
    """A line for each variable that has our prefix and is no setting: one for the keys of links, misspelt,
    would leave all links open. No error, for it may be another program's."""
    known = [row.env for row in _ROWS]
    return tuple(
        f"{printable(given.origin)} is not a setting, {suggestion(name, known)}"
        for name, given in env.items()
        if name.startswith(VARIABLE_PREFIX) and name not in known and not _OF_KUBERNETES.fullmatch(name)
    )


def _collect(argv: Sequence[str], flags: dict[str, _Given], env: dict[str, _Given]) -> dict[str, _Given]:
    """Every setting's text from its strongest source; what no source gives is not in it."""
    path, contents = _read_config(flags.get(CONFIG.name) or env.get(CONFIG.env))
    parser = _Parser(path)
    parser.parse_known_args(
        args=list(argv),
        config_file_contents=contents,
        env_vars={variable: given.text for variable, given in env.items()},
    )
    given: dict[str, _Given] = {}
    for source, records in parser.get_source_to_settings_dict().items():
        for key, (action, text) in records.items():
            if source == "environment_variables":
                given[action.dest] = env[key]
            elif source.startswith("config_file"):
                given[action.dest] = _Given(text, f"{key} in {printable(str(path))}")
    # flags come from their own pass: the library records the command line as a whole, not by setting
    return given | flags


def _read_config(given: _Given | None) -> tuple[Path, str]:
    """The config file's path and text; both empty when none is named."""
    if given is None:
        return Path(), ""
    path: Path = CONFIG.parse(*given)
    return path, read_text(path, f"{CONFIG.key}: {str(path)!r} ({given.origin})")


class _Parser(configargparse.ArgumentParser):  # type: ignore[misc]  # the library has no type hints
    """The library's parser over the table: collects text, and raises where the library would exit."""

    def __init__(self, config: Path) -> None:
        super().__init__(
            prog=_PROGRAM,
            description=_DESCRIPTION,
            epilog=_EPILOG,
            allow_abbrev=False,
            exit_on_error=False,
            add_env_var_help=False,  # it would go on to say that nothing but defaults is weaker
            config_file_parser_class=ConfigFile(config),
        )
        for row in _ROWS:
            self._add(row)
        self.add_argument(
            "--print-config", action="store_true", help="Print every setting with its origin, and exit."
        )

    def _add(self, row: Setting) -> None:
        default = f" Default: {row.shown_default}." if row.shown_default else ""
        text = f"{row.help} Allowed: {row.kind.allowed}.{default} Environment variable: {row.env}."
        options: dict[str, Any] = {"metavar": row.name.upper()}
        if row.kind is SWITCH:
            options = {"metavar": "yes|no", "nargs": "?", "const": "yes"}
        # argparse takes % in a help text for a placeholder
        self.add_argument(*row.flags, env_var=row.env, help=text.replace("%", "%%"), **options)

    def error(self, message: str) -> NoReturn:
        raise SettingsError(" ".join(message.split()))

    def convert_item_to_command_line_arg(self, action: Any, key: str, value: object) -> list[str]:
        """The flag that stands for a variable or a config file key while the library sorts out which
        source wins. The text itself is taken from the library's record of sources: as part of a command
        line it could become a list, or be refused before the table is asked."""
        return [f"{action.option_strings[-1]}=given"]

    def _get_values(self, action: Any, arg_strings: list[str]) -> Any:
        # argparse before 3.13 drops the value of --flag=-- without a word
        return "--" if arg_strings == ["--"] else super()._get_values(action, arg_strings)
