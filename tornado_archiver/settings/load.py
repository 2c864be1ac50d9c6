"""Loads the settings: flag over environment variable over .env file over config file over default.

configargparse decides which source wins. Each text passes through it together with its origin, so that a
message can name the source. The library knows text only: `options` parses it and describes what is allowed.
"""

import argparse
import difflib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import configargparse
from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from tornado_archiver import ENTRY_POINT_GROUP, __version__, program_name
from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.options import (
    CONFIG,
    DEFAULT,
    KUBERNETES_VARIABLES,
    OPTIONS,
    VARIABLE_PREFIX,
    Settings,
    owner_of_variable,
)
from tornado_archiver.settings.sections import BackendSources, is_blank, split_line, split_sections
from tornado_archiver.settings.types import BOOL, printable

_ALL = (CONFIG, *OPTIONS)
_BY_KEY = {option.key: option for option in OPTIONS}
_SEE_HELP = "--help lists them all"
_SINGLE_QUOTED = re.compile(r"=[ \t]*'")


class _Value(NamedTuple):
    """The text of a setting and its origin, such as "flag --port"."""

    text: str
    origin: str

    def tagged(self) -> str:
        """Return both as one text for configargparse, joined by a NUL, which no source can contain."""
        return f"{self.text}\0{self.origin}"


def _untag(flag: str, text: str) -> _Value:
    """Return the value in a text from configargparse. A text without an origin comes from the flag."""
    value, tagged, origin = text.rpartition("\0")
    return _Value(value, origin) if tagged else _Value(text, f"flag {flag}")


def load_settings(argv: Sequence[str], environ: Mapping[str, str], dotenv: Path | None) -> Settings:
    """Return the settings from the flags `argv` (without the program's name), the variables `environ`, the
    file `dotenv`, and the config file that a flag or a variable names. A missing `dotenv` counts as empty.

    Raise SettingsError with one line of text. `--help` prints the help and raises SystemExit(0).
    """
    flags = _collect(argv, {})
    env = _read_environment(environ, dotenv)
    path, text = _read_config(flags.get(CONFIG.name) or env.get(CONFIG.env))
    text, sections = split_sections(text)
    given = _collect(argv, env, path, text)
    unknown = _unknown_variables(env)
    settings = Settings(
        **{option.name: option.parse(*given[option.name]) for option in OPTIONS if option.name in given},
        print_config=given["print_config"],
        origins={o.name: given[o.name].origin if o.name in given else DEFAULT for o in OPTIONS},
        backend_sources=BackendSources(unknown, sections, printable(str(path))),
    )
    return replace(settings, warnings=_warnings(unknown, settings)) if unknown else settings


def _read_config(config: _Value | None) -> tuple[Path, str]:
    """Return path and text of the config file, an empty text if there is none."""
    path = CONFIG.parse(*config) if config else Path()
    return path, read_text(path, f"{CONFIG.key}: {str(path)!r} ({config.origin})") if config else ""


def _collect(
    argv: Sequence[str], env: Mapping[str, _Value], path: Path = Path(), text: str = ""
) -> dict[str, Any]:
    """Return the value of each given setting, from the source that wins. `text` is the config file."""
    try:
        namespace, unknown = _Parser(path).parse_known_args(
            args=list(argv),
            env_vars={name: value.tagged() for name, value in env.items()},
            config_file_contents=text,
        )
    except argparse.ArgumentError as error:
        raise SettingsError(_argument_error(error)) from None
    if unknown:
        raise SettingsError(_unknown_flag(unknown))
    return {name: value for name, value in vars(namespace).items() if value is not None}


def _argument_error(error: argparse.ArgumentError) -> str:
    """Return the message for a flag that lacks a value, or for a value of a flag that takes none."""
    for option in _ALL:
        if error.argument_name == "/".join(option.flags):
            return f"{option.key}: no value (flag {option.flag}), allowed: {option.type.expected}"
    return f"{error.argument_name} does not accept a value"


def _unknown_flag(unknown: Sequence[str]) -> str:
    # without the text after =, because it may be a secret
    word = next((argument for argument in unknown if argument != "--"), "--").partition("=")[0]
    if not word.startswith("-"):  # it may be a secret as well: two keys with a blank instead of a comma
        return "unexpected argument that is not a flag, --help lists them all"
    known = [*(option.flag for option in _ALL), "--print-config", "--version", "--help"]
    return f"{word!r} is not a flag, {did_you_mean(word, known)}"


def _read_environment(environ: Mapping[str, str], dotenv: Path | None) -> dict[str, _Value]:
    """Return the variables of `environ` and, where it has none, of the file `dotenv`.

    Empty ones are left out, because docker compose passes an unset variable as an empty one.
    """
    from_dotenv = _read_dotenv(dotenv, environ) if dotenv else {}
    env = {name: _Value(text, f"{name} in {printable(str(dotenv))}") for name, text in from_dotenv.items()}
    env |= {name: _Value(text, f"environment variable {name}") for name, text in environ.items() if text}
    return {name: value for name, value in env.items() if value.text}


def _unknown_variables(env: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return the variables with our prefix that are not settings of the service."""
    known = {option.env for option in _ALL}
    return {
        name: value
        for name, value in env.items()
        if name.startswith(VARIABLE_PREFIX) and name not in known and not KUBERNETES_VARIABLES.fullmatch(name)
    }


def _warnings(unknown: Mapping[str, _Value], settings: Settings) -> tuple[str, ...]:
    """Return a warning for each unknown variable that does not begin like those of a backend.

    A misspelt ARCHIVER_LINK_SECRET would leave all links open. It is not an error, because the variable may
    belong to another program. The variables of a backend are checked when it is loaded.
    """
    backends = {settings.backend, *settings.formats, *entry_points(group=ENTRY_POINT_GROUP).names}
    known = [option.env for option in _ALL]
    return tuple(
        f"{printable(value.origin)} is not a setting, {did_you_mean(name, known)}"
        for name, value in unknown.items()
        if not owner_of_variable(name, backends)
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about `word`, with the word of `known` that resembles it."""
    names = {_strip_prefix(name): name for name in known}
    near = difflib.get_close_matches(_strip_prefix(word), names, n=1)
    return f"did you mean {names[near[0]]}?" if near else _SEE_HELP


def _strip_prefix(name: str) -> str:
    # all names with the prefix resemble each other, and PORT does not have it
    return name.lower().removeprefix(VARIABLE_PREFIX.lower())


def read_text(path: Path, label: str, missing: str | None = None, encoding: str = "utf-8-sig") -> str:
    """Return the text of a file, or `missing` if the file does not exist.

    Raise SettingsError, with a text that starts with `label`, if the file is not readable text.
    """
    try:
        text = path.read_text(encoding=encoding)
    except OSError as error:
        if missing is not None and isinstance(error, FileNotFoundError):
            return missing
        raise SettingsError(f"{label} cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"{label} cannot be read: not text in UTF-8") from None
    if "\0" in text:
        raise SettingsError(f"{label} cannot be read: it holds a NUL character")
    return text


def _read_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a .env file as docker compose reads it.

    ${NAME} is expanded, except in single quotes, and `environ` overrides the file. $NAME is not expanded.
    """
    label = printable(str(path))
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(read_text(path, label, missing=""))):
        if binding.error:
            raise SettingsError(
                f"line {binding.original.line} of {label} cannot be read: NAME=value is allowed"
            )
        # a name without = is unset, as in docker compose
        if binding.key is None or binding.value is None:
            continue
        literal = _SINGLE_QUOTED.search(binding.original.string)
        values[binding.key] = binding.value if literal else _expand(binding.value, {**values, **environ})
    return values


def _expand(text: str, variables: Mapping[str, str]) -> str:
    return "".join(atom.resolve(variables) for atom in parse_variables(text))


class _ConfigFile(configargparse.DefaultConfigFileParser):  # type: ignore[misc]  # it has no type hints
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
        return {key: _Value(text, f"{key} in {self.path}").tagged() for key, text in texts.items() if text}

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
        hint = did_you_mean(key, _BY_KEY)
        # a key that resembles no setting may be a link secret on a separate line
        label = f"line {number} of" if hint is _SEE_HELP else f"{key!r} in"
        raise SettingsError(f"{label} {self.path} is not a setting, {hint}")


class _Parser(configargparse.ArgumentParser):  # type: ignore[misc]  # it has no type hints
    """configargparse's parser with all options. It raises SettingsError instead of exiting."""

    def __init__(self, config: Path) -> None:
        super().__init__(
            prog=program_name(),
            description="Streams a directory of files as an archive that is packed while it is sent.",
            epilog="Each long flag without its dashes is a key of the config file: photos-dir = /srv/photos. "
            "A flag overrides an environment variable, which overrides the .env file in the current "
            "directory, which overrides the config file. An empty variable counts as unset. Other commands: "
            "sign-link creates a signed link, healthcheck queries a running service.",
            allow_abbrev=False,
            exit_on_error=False,
            add_env_var_help=False,  # the library's text does not mention the .env file
            config_file_parser_class=_ConfigFile(config),
        )
        group: Any = self
        for option in _ALL:
            group = self.add_argument_group(option.section) if option.section else group
            group.add_argument(*option.flags, **_arguments(option))
        self.add_argument(
            "--print-config", action="store_true", help="Print each setting with its origin, and exit."
        )
        self.add_argument(
            "--version",
            action="version",
            version=f"tornado-archiver {__version__}",
            help="Print the version, and exit.",
        )

    def error(self, message: str) -> NoReturn:
        raise SettingsError(" ".join(message.split()))

    def _get_values(self, action: Any, arg_strings: list[str]) -> Any:
        # argparse before 3.13 drops the value of --flag=--
        if arg_strings == ["--"]:
            return self._get_value(action, "--")
        return super()._get_values(action, arg_strings)


def _arguments(option: Option) -> dict[str, Any]:
    """Return the arguments of add_argument for an option."""
    default = f" Default: {option.default}." if option.default else ""
    text = f"{option.help} Allowed: {option.type.expected}.{default} Environment variable: {option.env}."
    is_bool = option.type is BOOL
    return {
        "env_var": option.env,
        "type": partial(_untag, option.flag),
        "help": text.replace("%", "%%"),  # argparse expands placeholders
        "metavar": "yes|no" if is_bool else option.name.upper(),
        **({"nargs": "?", "const": "yes"} if is_bool else {}),
    }
