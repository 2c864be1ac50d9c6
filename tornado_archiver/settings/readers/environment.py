"""Reads the environment and the .env file, and warns of variables that resemble a setting."""

import io
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.option import Value
from tornado_archiver.settings.options import (
    CONFIG,
    KUBERNETES_VARIABLES,
    OPTIONS,
    VARIABLE_PREFIX,
    owner_of_variable,
)
from tornado_archiver.settings.readers.files import read_text
from tornado_archiver.settings.similar import SETTING_SYNONYMS, closest, hint, similar
from tornado_archiver.settings.types import printable

_SINGLE_QUOTED = re.compile(r"=[ \t]*'")
_KNOWN = [option.env for option in (CONFIG, *OPTIONS)]
# Those that config/compose.service.yml substitutes and, with --check-environment, passes to the service
COMPOSE_VARIABLES = [
    VARIABLE_PREFIX + name
    for name in "IMAGE LOG_MAX_FILES LOG_MAX_SIZE MEMORY_LIMIT NOFILE_LIMIT PIDS_LIMIT REVISION "
    "STOP_GRACE_PERIOD USER".split()
]
# Names such as PHOTOS_DIR, which no other program is likely to have with one letter more or less
_DISTINCT = [name for name in _KNOWN if "_" in name and not name.startswith(VARIABLE_PREFIX)]
_ONE_LETTER = 0.94  # the ratio of difflib for about ten letters and one more or less


def read_environment(environ: Mapping[str, str], dotenv: Path | None) -> dict[str, Value]:
    """Return the variables of `environ` and, where it has none, of the file `dotenv`.

    Empty ones are left out, because docker compose passes an unset variable as an empty one.
    """
    from_dotenv = _read_dotenv(dotenv, environ) if dotenv else {}
    env = {name: Value(text, f"{name} in {printable(str(dotenv))}") for name, text in from_dotenv.items()}
    env |= {name: Value(text, f"environment variable {name}") for name, text in environ.items() if text}
    return {name: value for name, value in env.items() if value.text}


def prefixed_variables(env: Mapping[str, Value]) -> dict[str, Value]:
    """Return the variables with our prefix that are not settings of the service."""
    return {
        name: value
        for name, value in env.items()
        if _is_ours(name) and name not in _KNOWN and not KUBERNETES_VARIABLES.fullmatch(name)
    }


def unknown_variables(
    env: Mapping[str, Value],
    environ: Mapping[str, str],
    check_environment: bool,
    backends: Collection[str] = (),
) -> tuple[str, ...]:
    """Return a warning for each variable that resembles a setting and is none.

    A misspelt ARCHIVER_LINK_SECRET would leave all links open. It is not an error, because the variable may
    belong to another program. In the process environment, `environ`, nearly all others do, so a name without
    our prefix is compared with all settings only in the .env file, or if `check_environment` is true. The
    variables of `backends` are left out, because they are checked when a backend is loaded.
    """
    known = [*_KNOWN, *(COMPOSE_VARIABLES if check_environment else [])]
    return tuple(
        f"{printable(value.origin)} is not a setting, {hint(names)}"
        for name, value in env.items()
        if name not in known
        and not KUBERNETES_VARIABLES.fullmatch(name)
        and not owner_of_variable(name, backends)
        and ((names := _resembled(name, known, check_environment or not environ.get(name))) or _is_ours(name))
    )


def _is_ours(name: str) -> bool:
    return name.startswith(VARIABLE_PREFIX)


def _resembled(name: str, known: Sequence[str], is_settings_only: bool) -> list[str]:
    """Return the variables that `name` resembles, from a source with or without those of other programs."""
    if _is_ours(name):
        return similar(name, known, SETTING_SYNONYMS)
    if is_settings_only:  # without those of compose, because USER=… is not a misspelt ARCHIVER_USER
        return similar(name, _KNOWN, SETTING_SYNONYMS)
    return closest(name, _DISTINCT, _ONE_LETTER)


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
