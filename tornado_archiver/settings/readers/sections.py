"""Lines of the config file, and the sections in it that belong to backends: [backend.NAME].

Other section headers are headings without a meaning: the lines below them are settings of the service.
"""

import re

import configargparse

_HEADER = re.compile(r"\[([^\]]*)\]\s*([#;].*)?")
_BACKEND_PREFIX = "backend."
# A line without a setting. The library skips more lines than these, even with a misspelt setting in them.
_BLANK = re.compile(r"(\[[^\]]*\]|-{3,})?\s*([#;].*)?")
# A comment right after the key or its separator: the library takes it for the value
_COMMENT_AS_VALUE = re.compile(r"([^:=;#\s]+\s*[:=]?)\s+[;#].*")


def is_blank(line: str) -> bool:
    """Return whether a stripped line contains no setting."""
    return _BLANK.fullmatch(line) is not None


def split_sections(text: str) -> tuple[str, dict[str, list[tuple[int, str]]]]:
    """Return the text without the sections of backends, and the numbered lines of each of these sections.

    A section ends at the next header. Its lines become empty, so that line numbers stay correct.
    """
    own: list[str] = []
    sections: dict[str, list[tuple[int, str]]] = {}
    section: list[tuple[int, str]] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.fullmatch(line.strip()):
            name = header[1].strip()
            is_backend = name.startswith(_BACKEND_PREFIX)
            section = sections.setdefault(name.removeprefix(_BACKEND_PREFIX), []) if is_backend else None
        elif section is not None and not is_blank(line.strip()):
            section.append((number, line.strip()))
        own.append(line if section is None else "")
    return "\n".join(own), sections


def split_line(line: str) -> tuple[str, str | None]:
    """Return the key and the text of a line, as configargparse reads it. A key alone has the text None.

    Raise ValueError if the line is not a setting.
    """
    commented = _COMMENT_AS_VALUE.fullmatch(line)
    bare = commented[1].rstrip() if commented else line
    # [ is hidden, because the library makes a list of [a, b] and skips a line that starts with it
    try:
        [(key, text)] = configargparse.DefaultConfigFileParser().parse([bare.replace("[", "\0")]).items()
    except configargparse.ConfigFileParserException as error:
        raise ValueError(line) from error
    key = key.removeprefix("--").replace("\0", "[")
    return key, None if bare.removeprefix("--") == key else text.replace("\0", "[")
