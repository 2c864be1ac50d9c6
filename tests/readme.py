"""The parts of the README that are written by a program: `python -m tests.readme` writes them anew."""

import re

from tests.servers import PROJECT
from tornado_archiver.setting import Setting
from tornado_archiver.setting_table import CONFIG, SETTINGS

README = PROJECT / "README.md"
_SETTINGS = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- end of settings -->)", re.DOTALL)


def up_to_date(text: str) -> str:
    """The README's text with its table of settings as it should be."""
    return _SETTINGS.sub(lambda found: f"{found[1]}{_table()}{found[2]}", text)


def _table() -> str:
    head = "| flag | environment | default | |\n| --- | --- | --- | --- |\n"
    return "\n" + head + "".join(_row(setting) for setting in (CONFIG, *SETTINGS)) + "\n"


def _row(setting: Setting) -> str:
    flags = ", ".join(f"`{flag}`" for flag in setting.flags)
    default = f"`{setting.shown_default}`" if setting.shown_default else ""
    return f"| {flags} | `{setting.env}` | {default} | {setting.help} |\n"


if __name__ == "__main__":
    README.write_text(up_to_date(README.read_text("utf-8")), "utf-8")
