"""What one setting is: its names, where its value may come from, and how it is read and shown."""

from dataclasses import dataclass
from typing import Any

from tornado_archiver.errors import SettingsError
from tornado_archiver.setting_types import Kind


@dataclass(frozen=True)
class Setting:
    """One row of the table. The long flag is last in `flags` and gives the setting its name.

    `default` is text like that of any other source. `default_shown` replaces it where people read it,
    when the text itself holds only on this machine. A `secret` value is never shown.
    """

    flags: tuple[str, ...]
    env: str
    default: str
    kind: Kind
    help: str
    default_shown: str | None = None
    secret: bool = False

    @property
    def key(self) -> str:
        """What a config file and a message call it: photos-dir."""
        return self.flags[-1].removeprefix("--")

    @property
    def name(self) -> str:
        """What Python calls it: photos_dir."""
        return self.key.replace("-", "_")

    @property
    def shown_default(self) -> str:
        return self.default if self.default_shown is None else self.default_shown

    def parse(self, text: str, origin: str) -> Any:
        """The value of `text`; SettingsError says on one line whose it is, where it came from, what is
        allowed."""
        try:
            return self.kind.parse(text)
        except ValueError:
            bad = "the value" if self.secret else repr(text)
            raise SettingsError(f"{self.key}: {bad} ({origin}) is not allowed: {self.kind.allowed}") from None

    def show(self, value: Any) -> str:
        """`value` as text of one line, close to what a source would hold."""
        if self.secret:
            return "(not shown)"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return f"{value:g}"
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        return printable(str("" if value is None else value)) or "(none)"


def printable(text: str) -> str:
    """`text` itself, or its repr when it would break the line or garble a terminal."""
    return text if text.isprintable() else repr(text)
