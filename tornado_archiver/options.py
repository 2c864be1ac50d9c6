"""Declares the settings of a backend, and the types that a setting can have.

    @dataclass(frozen=True)
    class TarXzOptions(BackendOptions):
        preset: int = option("6", integer(0, 9), "Preset of xz: 0 is the fastest.")

    class TarXz(Backend):
        options = TarXzOptions()

`docs/writing-a-backend.md`, section Settings, describes where the values come from.
"""

from typing import Any

from tornado_archiver.settings import option as settings_option
from tornado_archiver.settings.types import BOOL, OPTIONAL_PATH, SIZE, Type, choice, duration, integer

__all__ = ["BOOL", "OPTIONAL_PATH", "SIZE", "TEXT", "Type", "choice", "duration", "integer", "option"]

TEXT = Type("text")


def option(default: str, value_type: Type, help_text: str, *, secret: bool = False) -> Any:
    """Declare a field of the options of a backend.

    `default` is text, as in a variable. `help_text` is one sentence for the operator. A `secret` value is
    neither printed nor logged. Raise ValueError if the type does not accept the default.
    """
    return settings_option.option(default, value_type, help_text, secret=secret)
