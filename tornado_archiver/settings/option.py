"""Describes one setting: its names, default, type and help text, as the metadata of a dataclass field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.types import BOOL, Type, printable


class Value(NamedTuple):
    """The text of a setting and its origin, such as "flag --port"."""

    text: str
    origin: str

    def tagged(self) -> str:
        """Return both as one text for configargparse, joined by a NUL, which no source can contain."""
        return f"{self.text}\0{self.origin}"


@dataclass(frozen=True)
class Option:
    """How a setting is named, parsed and shown.

    `default` is the text that gives the default. A `secret` value is never shown. `section` is the heading
    above the setting and the settings that follow it.
    """

    name: str
    default: str
    type: Type
    help: str
    env: str
    short_flag: str = ""
    section: str = ""
    secret: bool = False

    @property
    def key(self) -> str:
        """The name in a config file and in messages, such as photos-dir."""
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        return f"--{self.key}"

    @property
    def flags(self) -> list[str]:
        return [self.short_flag, self.flag] if self.short_flag else [self.flag]

    def parse(self, text: str, origin: str) -> Any:
        """Return the value of `text`. Raise SettingsError with the setting, the origin, what is allowed."""
        try:
            return self.type.parse(text)
        except ValueError:
            invalid = "the value" if self.secret else repr(text)
            raise SettingsError(
                f"{self.key}: {invalid} ({origin}) is not allowed: {self.type.expected}"
            ) from None

    def text_of_line(self, text: str | None, origin: str) -> str:
        """Return the text of a line of the config file. A key alone, None, means yes.

        Raise SettingsError for a key alone if the setting has another type.
        """
        if text is None and self.type is not BOOL:
            raise SettingsError(f"{self.key}: no value ({origin}), allowed: {self.type.expected}")
        return "yes" if text is None else text

    def format(self, value: Any) -> str:
        """Return `value` as one line, close to the text that a source would hold."""
        if self.secret:
            return "(not shown)"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return f"{value:g}"
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        return printable("" if value is None else str(value)) or "(none)"


@dataclass(frozen=True)
class BackendSources:
    """The texts that the sources give to backends, which are parsed when the backends are loaded.

    `variables` maps each variable with our prefix that is not a setting of the service to its text and
    origin. `sections` maps the name of a backend to its lines, each with its number. `path` is the config
    file, as in messages.
    """

    variables: Mapping[str, Value] = field(default_factory=dict)
    sections: Mapping[str, list[tuple[int, str]]] = field(default_factory=dict)
    path: str = ""


def option(default: str, value_type: Type, help_text: str, value: Any = None, **further: Any) -> Any:
    """Declare a field of `Settings`. Its default is `value`, or else the value of the text `default`.

    `further` are optional fields of `Option`.
    """
    return field(
        default=value or value_type.parse(default),
        repr=not further.get("secret"),
        metadata={"default": default, "type": value_type, "help": help_text, **further},
    )
