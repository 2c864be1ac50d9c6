"""The text of --help: an overview, the settings of a section, or one setting in full."""

import shutil
import textwrap
from collections.abc import Iterable, Mapping

from tornado_archiver.errors import SettingsError
from tornado_archiver.settings.option import Option
from tornado_archiver.settings.options import CONFIG, OPTIONS, VARIABLE_PREFIX
from tornado_archiver.settings.similar import did_you_mean
from tornado_archiver.settings.types import BOOL

_MOST_USED = ("photos_dir", "host", "port", "backend", "enable_logging")
_FLAG_COLUMNS = 24  # with two blanks on either side
_MIN_COLUMNS, _MAX_COLUMNS = 60, 100
_INTRODUCTION = """\
Usage: {program} [DIR] [flags]

Streams a directory of files as an archive that is packed while it is sent. The link /archive/<hash>/
downloads DIR/<hash>. DIR is the same as --photos-dir DIR.
"""
_FURTHER_FLAGS = {
    "--check": "Check the configuration, and exit: 0 without a problem, otherwise 2.",
    "--print-config": "Print each setting with its origin, and exit.",
    "--version": "Print the version, and exit.",
    "-h, --help [TOPIC]": "Print this, or the help about a topic, and exit.",
}
_SOURCES = f"""\
Each setting is a flag, a key of the config file (backend = tar) and an environment variable with the prefix
{VARIABLE_PREFIX} ({VARIABLE_PREFIX}BACKEND=tar). A flag overrides a variable, which overrides the .env file
in the current directory, which overrides the config file. An empty variable counts as unset.

Other commands: {{program}} sign-link creates a signed link, {{program}} healthcheck queries a running
service. A directory of such a name needs ./ before it.
"""


def help_text(program: str, topic: str | None) -> str:
    """Return the help about `topic`: a section, a setting or "all"; the overview for None.

    Raise SettingsError for an unknown topic.
    """
    sections = _sections()
    if topic is None:
        return _overview(program, sections)
    if topic == "all":
        return "\n".join([_overview(program, sections), *(_section(*each) for each in sections.items())])
    for title, options in sections.items():
        if topic == _name(title):
            return _section(title, options)
    for option in (CONFIG, *OPTIONS):
        if topic.strip("-") == option.key:
            return _setting(option)
    raise SettingsError(f"help: {topic!r} is not a topic, {did_you_mean(topic, _topics(sections))}")


def _sections() -> dict[str, list[Option]]:
    sections: dict[str, list[Option]] = {}
    title = ""
    for option in OPTIONS:
        title = option.section or title
        sections.setdefault(title, []).append(option)
    return sections


def _name(title: str) -> str:
    """Return the topic of a section."""
    return title.lower().replace(" ", "-")


def _topics(sections: Mapping[str, object]) -> list[str]:
    return ["all", *map(_name, sections), *(option.key for option in OPTIONS)]


def _overview(program: str, sections: Mapping[str, object]) -> str:
    most_used = [option for option in OPTIONS if option.name in _MOST_USED]
    further = (_entry(flags, text) for flags, text in _FURTHER_FLAGS.items())
    topics = ", ".join([*map(_name, sections), "all", "or a setting such as workers"])
    return "\n".join(
        [
            _fill(_INTRODUCTION.format(program=program)),
            "Most used settings:",
            *(_entry(", ".join(option.flags), _summary(option)) for option in [*most_used, CONFIG]),
            "",
            *further,
            "",
            _fill(f"Topics of --help: {topics}"),
            _fill(_SOURCES.format(program=program)),
        ]
    )


def _section(title: str, options: Iterable[Option]) -> str:
    return "\n".join([f"{title}:", *map(_section_entry, options), ""])


def _setting(option: Option) -> str:
    """Return the whole description of a setting."""
    lines = {
        "Allowed": option.type.expected,
        "Default": option.default or "(none)",
        "Environment variable": option.env,
        "Key of the config file": option.key,
    }
    text = "\n\n".join([", ".join(option.flags), option.help, *(f"{k}: {v}" for k, v in lines.items())])
    return _fill(text)


def _section_entry(option: Option) -> str:
    allowed = "yes or no" if option.type is BOOL else option.type.expected
    return _entry(", ".join(option.flags), f"{_summary(option)} Allowed: {allowed}.")


def _summary(option: Option) -> str:
    """Return the first sentence of the description, the default, and a variable that lacks the prefix."""
    first_sentence = option.help.split(". ")[0].removesuffix(".")
    default = f" Default: {option.default}." if option.default else ""
    variable = "" if option.env.startswith(VARIABLE_PREFIX) else f" Variable: {option.env}."
    return f"{first_sentence}.{default}{variable}"


def _entry(flags: str, text: str) -> str:
    """Return the flags, and the text in a column to the right of them."""
    indent = " " * _FLAG_COLUMNS
    lines = textwrap.wrap(text, _columns(), initial_indent=indent, subsequent_indent=indent)
    flags = f"  {flags}"
    if len(flags) + 2 <= _FLAG_COLUMNS:
        lines[0] = flags + lines[0][len(flags) :]
    else:
        lines.insert(0, flags)
    return "\n".join(lines)


def _fill(text: str) -> str:
    """Wrap each paragraph."""
    return "\n\n".join(map(_fill_paragraph, text.split("\n\n"))) + "\n"


def _fill_paragraph(text: str) -> str:
    return textwrap.fill(text, _columns(), break_on_hyphens=False)


def _columns() -> int:
    return max(_MIN_COLUMNS, min(_MAX_COLUMNS, shutil.get_terminal_size().columns))
