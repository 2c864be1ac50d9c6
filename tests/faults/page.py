"""The tables of docs/faults.md: a row for each fault, a column for each backend, a table for each group."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.groups import GROUPS, Fault, Group
from tests.faults.reports import error_lines
from tests.faults.stage import Scene, Stage
from tests.faults.verdict import shows_outside, state, verdict
from tests.generated import read_rows, table, write
from tests.servers import PROJECT
from tornado_archiver.runtime import landlock

PAGE = PROJECT / "docs" / "faults.md"
SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one visitor got, and what log and metrics say of it."""

    visitor: str
    logged: str
    counted: str
    errors: str

    @property
    def cell(self) -> str:
        if self.logged == self.counted:
            return f"{self.visitor}: {self.logged}"
        return f"{self.visitor}: log {self.logged}, metric {self.counted}"


def play(stage: Stage, group: Group, fault: Fault, backend: str) -> Seen:
    """Once. Fails when a client takes something for complete that is not, or gets what is none of his."""
    with stage.scene(group.kind, group.fill, backend) as scene:
        old = state(scene.album)
        got = fault.visit(scene)
        words = verdict(got, backend, old, state(scene.album))
        if backend not in fault.leaks or landlock.abi_version():
            assert not shows_outside(got, backend), "something from outside of the directory was sent"
        return _seen(scene, words)


def _seen(scene: Scene, visitor: str) -> Seen:
    scene.wait_for_the_end()
    logged, counted = (", ".join(words) or SILENT for words in (scene.logged(), scene.counted()))
    return Seen(visitor, logged, counted, " / ".join(error_lines(scene.said())))


def row(stage: Stage, group: Group, fault: Fault) -> list[str]:
    """As the page has it."""
    seen = {backend: play(stage, group, fault, backend) for backend in group.backends}
    return [fault.name, *(one.cell for one in seen.values()), _errors(seen)]


def _errors(seen: Mapping[str, Seen]) -> str:
    """Each line once, with those whose it is where it is not everybody's."""
    whose: dict[str, list[str]] = {}
    for backend, one in seen.items():
        whose.setdefault(one.errors, []).append(backend)
    told = {line: backends for line, backends in whose.items() if line}
    everybody = [list(seen)]
    return "; ".join(
        f"`{line}`" if [backends] == everybody else f"{', '.join(backends)}: `{line}`"
        for line, backends in told.items()
    )


# The page


def committed() -> dict[tuple[str, str], list[str]]:
    """The rows as the page has them, by group and fault."""
    return {(group.title, cells[0]): cells for group in GROUPS for cells in read_rows(PAGE, _marker(group))}


def write_page(rows: Mapping[tuple[str, str], list[str]]) -> None:
    """The tables into the page, which has to have their places already."""
    for group in GROUPS:
        columns = ["fault", *group.backends, "error line in the log"]
        cells = (rows[group.title, fault.name] for fault in group.faults)
        write(PAGE, _marker(group), table(columns, cells))


def _marker(group: Group) -> str:
    return f"## {re.escape(group.title)}\n(?:[^#]*?)<!-- generated -->"
