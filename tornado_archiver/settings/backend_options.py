"""Loads the settings that backends declare: variables ARCHIVER_<NAME>_<FIELD> and sections [backend.NAME].

A backend declares a setting as a field of its options, with `tornado_archiver.options.option`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, NamedTuple, TypeVar

from tornado_archiver.errors import BackendLoadError, SettingsError
from tornado_archiver.settings.option import BackendSources, Option, Value
from tornado_archiver.settings.options import (
    CONFIG,
    DEFAULT,
    KUBERNETES_VARIABLES,
    OPTIONS,
    owner_of_variable,
    variable_prefix,
)
from tornado_archiver.settings.readers.sections import split_line
from tornado_archiver.settings.similar import did_you_mean
from tornado_archiver.settings.types import Type, printable

_Options = TypeVar("_Options")  # a frozen dataclass


@dataclass(frozen=True)
class LoadedOptions(Generic[_Options]):
    """The options of each backend, by its name.

    `rows` has key, value and origin of each setting, for --print-config. `warnings` are lines about texts
    that no backend uses.
    """

    options: Mapping[str, _Options]
    rows: list[tuple[str, str, str]]
    warnings: list[str]


def load_backend_options(
    defaults: Mapping[str, _Options], sources: BackendSources, installed: Iterable[str] = ()
) -> LoadedOptions[_Options]:
    """Return the options of the enabled backends: `defaults`, by name, with the values that the sources give.

    `installed` are the names of all backends. Raise SettingsError for a value that is not allowed,
    BackendLoadError if two settings have the same variable.
    """
    enabled = {name: _Declaration.of(name, options) for name, options in defaults.items()}
    _reject_collisions(enabled.values())
    loaded, rows = {}, []
    for name, declaration in enabled.items():
        given = declaration.given(sources)
        values = {field: declaration.options[field].parse(*value) for field, value in given.items()}
        loaded[name] = _replace(name, defaults[name], values)
        rows += declaration.rows(loaded[name], given)
    warnings = [*_unused_sections(enabled, sources), *_unused_variables(enabled, sources, installed)]
    return LoadedOptions(loaded, rows, warnings)


def _replace(name: str, options: _Options, values: Mapping[str, Any]) -> _Options:
    """Return the options with these values. Raise SettingsError if `__post_init__` rejects them."""
    try:
        return replace(options, **values)  # type: ignore[type-var]  # a dataclass has no public type
    except ValueError as error:
        raise SettingsError(f"[backend.{name}]: {printable(str(error))}") from error


class _Declaration(NamedTuple):
    """The settings of one backend, by the name of their field."""

    name: str
    options: Mapping[str, Option]

    @classmethod
    def of(cls, name: str, options: Any) -> "_Declaration":
        prefix = variable_prefix(name)
        return cls(
            name,
            {
                each.name: Option(
                    name=f"[backend.{name}] {each.name}", env=prefix + each.name.upper(), **each.metadata
                )
                for each in fields(options)
                if isinstance(each.metadata.get("type"), Type)
            },
        )

    def given(self, sources: BackendSources) -> dict[str, Value]:
        """Return each given setting, by field. A variable overrides the config file."""
        given = dict(self._given_by_line(*line, sources.path) for line in sources.sections.get(self.name, ()))
        for field, option in self.options.items():
            if option.env in sources.variables:
                given[field] = sources.variables[option.env]
        return {field: value for field, value in given.items() if value.text}  # empty text counts as unset

    def _given_by_line(self, number: int, line: str, path: str) -> tuple[str, Value]:
        place = f"line {number} of {path}"
        try:
            key, text = split_line(line)
        except ValueError:
            raise SettingsError(f"{place} cannot be read: key = value is allowed") from None
        field, origin = key.replace("-", "_"), f"{key} in {path}"
        if field not in self.options or "_" in key:
            hint = did_you_mean(key, self._keys(), otherwise="")
            # a key that resembles no setting may be a secret on a separate line
            label = repr(key) + f" in {path}" if hint else place
            raise SettingsError(f"{label} is not a setting of backend {self.name!r}, {hint or self._all()}")
        return field, Value(self.options[field].text_of_line(text, origin), origin)

    def rows(self, options: object, given: Mapping[str, Value]) -> list[tuple[str, str, str]]:
        return [
            (
                option.key,
                option.format(getattr(options, field)),
                given[field].origin if field in given else DEFAULT,
            )
            for field, option in self.options.items()
        ]

    def unused_variable(self, variable: str) -> str:
        """Return the end of a warning about a variable that begins like those of this backend."""
        known = [option.env for option in self.options.values()]
        hint = did_you_mean(variable, known, otherwise=self._all())
        return f"is not a setting of backend {self.name!r}, {hint}"

    def _keys(self) -> list[str]:
        return [field.replace("_", "-") for field in self.options]

    def _all(self) -> str:
        return f"which has {', '.join(self._keys())}" if self.options else "which has no settings"


def _reject_collisions(declarations: Iterable[_Declaration]) -> None:
    owners = {option.env: "the service" for option in (CONFIG, *OPTIONS)}
    for name, options in declarations:
        for option in options.values():
            owner = "Kubernetes" if KUBERNETES_VARIABLES.fullmatch(option.env) else owners.get(option.env)
            if owner:
                raise BackendLoadError(
                    f"{option.key}: the variable {option.env} belongs to {owner} as well;"
                    " another name for the setting or the backend is needed"
                )
            owners[option.env] = f"backend {name!r}"


def _unused_sections(enabled: Mapping[str, _Declaration], sources: BackendSources) -> list[str]:
    names = f"they name {', '.join(enabled)}"
    return [
        f"section [backend.{printable(name)}] in {sources.path} is not used: backend and formats name no such"
        f" backend, {did_you_mean(name, enabled, otherwise=names)}"
        for name in sources.sections
        if name not in enabled
    ]


def _unused_variables(
    enabled: Mapping[str, _Declaration], sources: BackendSources, installed: Iterable[str]
) -> list[str]:
    known = {option.env for declaration in enabled.values() for option in declaration.options.values()}
    warnings = []
    for variable, (_, origin) in sources.variables.items():
        owner = owner_of_variable(variable, [*enabled, *installed])
        if owner and variable not in known:
            reason = (
                enabled[owner].unused_variable(variable)
                if owner in enabled
                else f"is not used: backend and formats do not name {owner!r}"
            )
            warnings.append(f"{printable(origin)} {reason}")
    return warnings
