"""Reads a file that a setting names."""

from pathlib import Path

from tornado_archiver.errors import SettingsError


def read_text(path: Path, label: str, missing: str | None = None, encoding: str = "utf-8-sig") -> str:
    """Return the text of a file, or `missing` if the file does not exist.

    Raise SettingsError, with a text that starts with `label`, if the file is not readable text.
    """
    try:
        text = path.read_text(encoding=encoding)
    except OSError as error:
        if missing is not None and isinstance(error, FileNotFoundError):
            return missing
        raise SettingsError(f"{label} cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"{label} cannot be read: not text in UTF-8") from None
    if "\0" in text:
        raise SettingsError(f"{label} cannot be read: it holds a NUL character")
    return text
