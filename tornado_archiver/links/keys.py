"""The keys of expiring links, from the two settings that can hold them. No message shows a key."""

from pathlib import Path

from tornado_archiver.errors import SettingsError
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.settings.load import read_text
from tornado_archiver.settings.options import DEFAULT, Settings
from tornado_archiver.settings.types import key_problem

_KEY_HINT = "it may hold keys only, one on each line, such as openssl rand -hex 32 prints"


def load_link_keys(settings: Settings) -> LinkSigner | None:
    """Those of link-secret, then those of link-secret-file; None when links need no signature.

    Raises SettingsError.
    """
    _reject_empty(settings)
    keys = list(settings.link_secret)
    if settings.link_secret_file is not None:
        keys += _read_key_file(settings.link_secret_file, settings.origins["link_secret_file"])
    return LinkSigner(tuple(dict.fromkeys(keys))) if keys else None


def _reject_empty(settings: Settings) -> None:
    """An empty flag is refused: with --link-secret "$FORGOTTEN" the links would be open to everybody."""
    for name in ("link_secret", "link_secret_file"):
        origin = settings.origins[name]
        if origin != DEFAULT and not getattr(settings, name):
            raise SettingsError(f"{name.replace('_', '-')}: no value ({origin}): give one, or leave it out")


def _read_key_file(path: Path, origin: str) -> list[str]:
    """One on each line, without the blanks around it; blank lines behind the first do not count."""
    file = f"{str(path)!r} ({origin})"
    # nothing at its beginning is skipped, not even a byte order mark: a CMS signs with the first line
    text = read_text(path, f"link-secret-file: {file}", encoding="utf-8")
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    if not any(lines):
        raise SettingsError(f"link-secret-file: {file} holds no key: {_KEY_HINT}")
    for number, line in enumerate(lines, 1):
        if fault := _key_problem(number, line):
            raise SettingsError(f"link-secret-file: line {number} of {file} {fault}: {_KEY_HINT}")
    return [line for line in lines if line]


def _key_problem(number: int, line: str) -> str:
    if not line:
        return "is empty" if number == 1 else ""
    return key_problem(line)
