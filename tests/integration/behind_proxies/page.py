"""The table of docs/proxies.md: a row for each proxy, a column for each kind of archive and HTTP version."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from tests.helpers.generated import named, read_rows, table, write
from tests.helpers.servers import tool
from tests.integration.behind_proxies.configurations import PAGE
from tests.integration.behind_proxies.trial import FORMATS, VERSIONS

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
    return {name: cells for name, *cells in read_rows(PAGE, named("table"))}


def write_page(rows: Mapping[str, Sequence[str]]) -> None:
    """Write table and versions into their places on the page."""
    columns = ["proxy", *(f"{kind}, {version}" for version, kind in CELLS)]
    write(PAGE, named("table"), table(columns, ([name, *cells] for name, cells in rows.items())))
    write(PAGE, named("versions"), _versions())


def _versions() -> Iterator[str]:
    for program, option in _VERSION_COMMANDS:
        done = subprocess.run(
            [tool(program), option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        found = re.search(r"\d+\.\d+\.\d+", done.stdout)
        assert found, done.stdout
        yield f"* {program} {found[0]}"
