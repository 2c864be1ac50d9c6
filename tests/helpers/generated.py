"""The parts of a documentation page that a program writes: what is between a marker and `<!-- end -->`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def named(part: str) -> str:
    """Return the marker of a part that has a name, for the functions below."""
    return f"<!-- generated: {part} -->"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Return the lines of a table."""
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def read_rows(page: Path, marker: str) -> list[list[str]]:
    """Return the cells of each row of the table at `marker`, a regular expression."""
    text = page.read_text("utf-8")
    start, stop = _span(text, marker)
    lines = text[start:stop].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def write(page: Path, marker: str, lines: Iterable[str]) -> None:
    """Replace what the page has at `marker`, a regular expression."""
    text = page.read_text("utf-8")
    start, stop = _span(text, marker)
    page.write_text(text[:start] + "\n".join(["", *lines, ""]) + text[stop:], "utf-8")


def _span(text: str, marker: str) -> tuple[int, int]:
    match = re.search(f"{marker}(.*?)<!-- end -->", text, re.DOTALL)
    assert match, f"the page has no {marker}"
    return match.span(1)
