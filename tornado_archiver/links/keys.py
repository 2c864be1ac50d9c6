"""Keys of signed links, from the settings link-secret and link-secret-file. No message contains a key."""

from pathlib import Path

from tornado_archiver.errors import SettingsError
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.settings.options import DEFAULT, Settings
from tornado_archiver.settings.readers.files import read_text
from tornado_archiver.settings.types import key_problem

_KEY_HINT = "write one key a line and nothing else; create a key with openssl rand -hex 32"


def load_link_keys(settings: Settings) -> LinkSigner | None:
    """Return the keys of link-secret, then those of link-secret-file, or None without signed links.

    Raise SettingsError.
    """
    _reject_empty(settings)
    keys = list(settings.link_secret)
    if settings.link_secret_file is not None:
        keys += _read_key_file(settings.link_secret_file, settings.origins["link_secret_file"])
    return LinkSigner(tuple(dict.fromkeys(keys))) if keys else None


def _reject_empty(settings: Settings) -> None:
    """Reject an empty value, because --link-secret "$UNSET" would disable signed links unnoticed."""
    for name in ("link_secret", "link_secret_file"):
        origin = settings.origins[name]
        if origin != DEFAULT and not getattr(settings, name):
            raise SettingsError(f"{name.replace('_', '-')}: no value ({origin}); set a value or remove it")


def _read_key_file(path: Path, origin: str) -> list[str]:
    """Return the keys, one a line, without blanks around them. Blank lines after the first are ignored."""
    file = f"{str(path)!r} ({origin})"
    # the start is not stripped, not even of a byte order mark, because a CMS signs with the first line
    text = read_text(path, f"link-secret-file: {file}", encoding="utf-8")
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    if not any(lines):
        raise SettingsError(f"link-secret-file: {file} contains no key; {_KEY_HINT}")
    for number, line in enumerate(lines, 1):
        if problem := _key_problem(number, line):
            raise SettingsError(f"link-secret-file: line {number} of {file} {problem}; {_KEY_HINT}")
    return [line for line in lines if line]


def _key_problem(number: int, line: str) -> str:
    if not line:
        return "is empty" if number == 1 else ""
    return key_problem(line)
