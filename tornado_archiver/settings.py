"""The settings: one table says everything about them, and all that shows or reads a setting comes from it.

`SETTINGS` is that table. A new setting is one row there and one typed field in `Settings`; its flag,
variable, config file key, help, check and line in `config/archiver.conf` follow. That file is written by
`python -m tornado_archiver.settings > config/archiver.conf`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tornado_archiver.errors import SettingsError
from tornado_archiver.setting_types import (
    FILE_NAME,
    HOST,
    NAME,
    NAMES,
    PATH,
    SIZE,
    SWITCH,
    Kind,
    seconds,
    whole_number,
)

PROJECT_ROOT = Path(__file__).resolve().parent.parent
UNSET = "default"


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
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        return printable(text) or "(none)"


def printable(text: str) -> str:
    """`text` itself, or its repr when it would break the line or garble a terminal."""
    return text if text.isprintable() else repr(text)


CONFIG = Setting(("-c", "--config"), "ARCHIVER_CONFIG", "", PATH, "Config file with settings.")

SETTINGS = (
    Setting(("-H", "--host"), "ARCHIVER_HOST", "127.0.0.1", HOST, "Address to listen on."),
    Setting(
        ("-P", "--port"),
        "PORT",
        "7777",
        whole_number(0, 65535),
        "Port to listen on; 0 takes any free one.",
    ),
    Setting(
        ("--photos-dir",),
        "PHOTOS_DIR",
        str(PROJECT_ROOT / "demo" / "photos"),
        PATH,
        "Directory that holds the directories to archive.",
        default_shown="demo/photos",
    ),
    Setting(
        ("--backend",),
        "ARCHIVER_BACKEND",
        "stored-zip",
        NAME,
        "Backend that makes the archives: stored-zip or tar (known length, resumable), zip or tar.gz "
        "(compressed), or an installed one.",
    ),
    Setting(
        ("--formats",),
        "ARCHIVER_FORMATS",
        "",
        NAMES,
        "Further backends that a link may ask for with ?format=NAME.",
    ),
    Setting(
        ("--level",),
        "ARCHIVER_LEVEL",
        "6",
        whole_number(0, 9),
        "How hard to compress: 0 is fastest, 9 is smallest.",
    ),
    Setting(
        ("--stored-threshold",),
        "ARCHIVER_STORED_THRESHOLD",
        "64MiB",
        SIZE,
        "Largest file that stored-zip reads before it is sent, for the layout that every unzipper takes.",
    ),
    Setting(
        ("--download-name",),
        "ARCHIVER_DOWNLOAD_NAME",
        "{hash}",
        FILE_NAME,
        "Name of the downloaded file; {hash} is the directory's name, .zip or the like is always added.",
    ),
    Setting(
        ("--include-hidden",),
        "ARCHIVER_INCLUDE_HIDDEN",
        "no",
        SWITCH,
        "Pack names that start with a dot as well.",
    ),
    Setting(
        ("--include-litter",),
        "ARCHIVER_INCLUDE_LITTER",
        "no",
        SWITCH,
        "Pack what FTP clients and file managers leave behind as well: Thumbs.db, desktop.ini, __MACOSX, "
        "*.filepart and the like.",
    ),
    Setting(
        ("--follow-symlinks",),
        "ARCHIVER_FOLLOW_SYMLINKS",
        "no",
        SWITCH,
        "Pack what a symbolic link points to, as long as it lies inside the same directory.",
    ),
    Setting(
        ("--enable-logging",), "ENABLE_LOGGING", "no", SWITCH, "Write one line per request to standard error."
    ),
    Setting(
        ("--enable-response-delay",),
        "ENABLE_RESPONSE_DELAY",
        "no",
        SWITCH,
        "Wait between two chunks of an archive, to test slow downloads.",
    ),
    Setting(
        ("--response-delay",),
        "RESPONSE_DELAY",
        "1",
        seconds(3600),
        "Seconds to wait between two chunks when the response delay is enabled.",
    ),
)

_DEFAULTS: dict[str, Any] = {row.name: row.parse(row.default, UNSET) for row in SETTINGS}


def _all_unset() -> dict[str, str]:
    return {row.name: UNSET for row in SETTINGS}


@dataclass(frozen=True)
class Settings:
    """The values the service runs with. `origins` says of each setting where its value came from."""

    host: str = _DEFAULTS["host"]
    port: int = _DEFAULTS["port"]
    photos_dir: Path = _DEFAULTS["photos_dir"]
    backend: str = _DEFAULTS["backend"]
    formats: tuple[str, ...] = _DEFAULTS["formats"]
    level: int = _DEFAULTS["level"]
    stored_threshold: int = _DEFAULTS["stored_threshold"]
    download_name: str = _DEFAULTS["download_name"]
    include_hidden: bool = _DEFAULTS["include_hidden"]
    include_litter: bool = _DEFAULTS["include_litter"]
    follow_symlinks: bool = _DEFAULTS["follow_symlinks"]
    enable_logging: bool = _DEFAULTS["enable_logging"]
    enable_response_delay: bool = _DEFAULTS["enable_response_delay"]
    response_delay: float = _DEFAULTS["response_delay"]
    print_config: bool = False
    origins: Mapping[str, str] = field(default_factory=_all_unset, compare=False)


def describe(settings: Settings) -> str:
    """What `--print-config` prints: a line per setting with its name, value and origin, in columns."""
    rows = [
        (row.key, row.show(getattr(settings, row.name)), settings.origins.get(row.name, UNSET))
        for row in SETTINGS
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{key:{widths[0]}}  {value:{widths[1]}}  {origin}" for key, value, origin in rows)


def config_file_text() -> str:
    """The text of `config/archiver.conf`: every setting explained, every default commented out."""
    head = (
        "# Settings of Tornado Archiver; every line that is commented out shows a default.\n"
        f"# Used with: server.py {CONFIG.flags[-1]} FILE, or {CONFIG.env}=FILE in the environment.\n"
        "#\n"
        "# A flag wins over an environment variable, that over the .env file, that over this file.\n"
        "# An empty value counts as unset. Relative paths start at the directory the service is started in.\n"
    )
    return head + "".join(f"\n{_config_file_entry(row)}" for row in SETTINGS)


def _config_file_entry(row: Setting) -> str:
    default = f"# {row.key} = {row.shown_default}".rstrip()
    return (
        f"# {row.help}\n"
        f"# Allowed: {row.kind.allowed}\n"
        f"# Flag: {', '.join(row.flags)}   Environment variable: {row.env}\n"
        f"{default}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(config_file_text())
