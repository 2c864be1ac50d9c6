"""The keys of expiring links, from the two settings that can hold them. No message shows a key."""

from pathlib import Path

from tornado_archiver.errors import SettingsError
from tornado_archiver.setting_files import read_text
from tornado_archiver.setting_types import MIN_SECRET_CHARACTERS
from tornado_archiver.settings import UNSET, Settings
from tornado_archiver.signed_link import LinkKeys

_HOW_TO_MAKE_ONE = "write a key of random characters on a line, such as openssl rand -hex 32 prints"


def link_keys(settings: Settings) -> LinkKeys | None:
    """Those of link-secret, then those of link-secret-file; None when links need no signature.

    Raises SettingsError.
    """
    _refuse_empty(settings)
    keys = list(settings.link_secret)
    if settings.link_secret_file is not None:
        keys += _keys_in(settings.link_secret_file, settings.origins["link_secret_file"])
    return LinkKeys(tuple(dict.fromkeys(keys))) if keys else None


def _refuse_empty(settings: Settings) -> None:
    """An empty flag is refused: with --link-secret "$FORGOTTEN" the links would be open to everybody."""
    for name in ("link_secret", "link_secret_file"):
        origin = settings.origins[name]
        if origin != UNSET and not getattr(settings, name):
            raise SettingsError(f"{name.replace('_', '-')}: no value ({origin}): give one, or leave it out")


def _keys_in(path: Path, origin: str) -> list[str]:
    """One on each line, without the blanks around it; blank lines do not count."""
    who = f"link-secret-file: {str(path)!r} ({origin})"
    lines = [line.strip() for line in read_text(path, who).split("\n")]
    for number, key in enumerate(lines, 1):
        if key and not (key.isprintable() and len(key) >= MIN_SECRET_CHARACTERS):
            allowed = f"a key of at least {MIN_SECRET_CHARACTERS} characters on each line"
            raise SettingsError(f"{who}: line {number} is not allowed: {allowed}")
    if not any(lines):
        raise SettingsError(f"{who} holds no key: {_HOW_TO_MAKE_ONE}")
    return [key for key in lines if key]
