"""The values the service runs with, and what is written about them.

`config/archiver.conf` is written by `python -m tornado_archiver.settings > config/archiver.conf`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tornado_archiver.setting import Setting
from tornado_archiver.setting_table import CONFIG, SETTINGS
from tornado_archiver.setting_types import Network

UNSET = "default"

_DEFAULTS: dict[str, Any] = {row.name: row.parse(row.default, UNSET) for row in SETTINGS}


def _all_unset() -> dict[str, str]:
    return {row.name: UNSET for row in SETTINGS}


@dataclass(frozen=True)
class Settings:
    """The values the service runs with. `origins` says of each setting where its value came from; `warnings`
    are lines about what looked like a setting and is none."""

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
    workers: int = _DEFAULTS["workers"]
    max_downloads: int = _DEFAULTS["max_downloads"]
    max_downloads_per_client: int = _DEFAULTS["max_downloads_per_client"]
    queue_timeout: float = _DEFAULTS["queue_timeout"]
    trusted_proxies: tuple[Network, ...] = _DEFAULTS["trusted_proxies"]
    rate_limit: int = _DEFAULTS["rate_limit"]
    total_rate_limit: int = _DEFAULTS["total_rate_limit"]
    max_entries: int = _DEFAULTS["max_entries"]
    max_bytes: int = _DEFAULTS["max_bytes"]
    on_unreadable: str = _DEFAULTS["on_unreadable"]
    stall_timeout: float = _DEFAULTS["stall_timeout"]
    idle_timeout: float = _DEFAULTS["idle_timeout"]
    max_header_size: int = _DEFAULTS["max_header_size"]
    drain_timeout: float = _DEFAULTS["drain_timeout"]
    link_secret: tuple[str, ...] = field(default=_DEFAULTS["link_secret"], repr=False)
    link_secret_file: Path | None = _DEFAULTS["link_secret_file"]
    admin_host: str = _DEFAULTS["admin_host"]
    admin_port: int = _DEFAULTS["admin_port"]
    enable_logging: bool = _DEFAULTS["enable_logging"]
    log_format: str = _DEFAULTS["log_format"]
    enable_response_delay: bool = _DEFAULTS["enable_response_delay"]
    response_delay: float = _DEFAULTS["response_delay"]
    print_config: bool = False
    origins: Mapping[str, str] = field(default_factory=_all_unset, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)


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
