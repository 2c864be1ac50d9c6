"""The table of docs/proxies.md: a row for each proxy, a column for each kind of archive and HTTP version."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from tests.behind_proxies.configurations import PAGE
from tests.behind_proxies.trial import FORMATS, VERSIONS
from tests.servers import tool

CELLS = [(version, kind) for kind in FORMATS for version in VERSIONS]
_VERSION_COMMANDS = (
    ("nginx", "-v"),
    ("haproxy", "-v"),
    ("caddy", "version"),
    ("apache2", "-v"),
    ("lighttpd", "-v"),
    ("varnishd", "-V"),
    ("nghttpx", "-v"),
    ("curl", "-V"),
)


def committed() -> dict[str, list[str]]:
    """Return the cells of each row of the page."""
    start, stop = _place(PAGE.read_text("utf-8"), "table")
    lines = PAGE.read_text("utf-8")[start:stop].strip().splitlines()[2:]
    rows = ([text.strip() for text in line.strip("|").split("|")] for line in lines)
    return {name: cells for name, *cells in rows}


def write(rows: Mapping[str, Sequence[str]]) -> None:
    """Write table and versions into their places on the page."""
    page = PAGE.read_text("utf-8")
    for place, lines in (("table", _table(rows)), ("versions", _versions())):
        start, stop = _place(page, place)
        page = page[:start] + "\n".join(["", *lines, ""]) + page[stop:]
    PAGE.write_text(page, "utf-8")


def _place(page: str, name: str) -> tuple[int, int]:
    match = re.search(f"<!-- generated: {name} -->(.*?)<!-- end -->", page, re.DOTALL)
    assert match, f"{PAGE} has no place for {name}"
    return match.span(1)


def _table(rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    columns = ["proxy", *(f"{kind}, {version}" for version, kind in CELLS)]
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for name, cells in rows.items():
        yield f"| {' | '.join([name, *cells])} |"


def _versions() -> Iterator[str]:
    for program, option in _VERSION_COMMANDS:
        done = subprocess.run(
            [tool(program), option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        found = re.search(r"\d+\.\d+\.\d+", done.stdout)
        assert found, done.stdout
        yield f"* {program} {found[0]}"
