"""The tables of docs/failure-modes.md: one table per group, one row per fault, one column per backend."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.archive_check import check, contains_secret, readable_files
from tests.faults.fault_table import GROUPS, Fault, Group
from tests.faults.log_and_metrics import error_lines
from tests.faults.server_fixture import Scenario, ServerFixture
from tests.helpers.generated import read_rows, table, write
from tests.helpers.servers import PROJECT
from tornado_archiver.runtime import landlock

PAGE = PROJECT / "docs" / "failure-modes.md"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one client, and the end of its request according to log and metrics."""

    client: str
    logged: str
    counted: str
    errors: str

    @property
    def cell(self) -> str:
        if self.logged == self.counted:
            return f"{self.client}: {self.logged}"
        return f"{self.client}: log {self.logged}, metric {self.counted}"


def observe(servers: ServerFixture, group: Group, fault: Fault, backend: str) -> Observation:
    """Run the fault. Fail if a broken archive looks complete, or has data from outside the source."""
    with servers.scenario(group.options, group.fill, backend) as scenario:
        old = readable_files(scenario.album)
        result = fault.run(scenario)
        words = check(result, backend, old, readable_files(scenario.album))
        if backend not in fault.leaks or landlock.abi_version():
            assert not contains_secret(result, backend), "data from outside the directory was sent"
        return _observation(scenario, words)


def _observation(scenario: Scenario, client: str) -> Observation:
    scenario.wait_for_the_end()
    logged, counted = (", ".join(words) or NONE for words in (scenario.logged(), scenario.counted()))
    return Observation(client, logged, counted, " / ".join(error_lines(scenario.log())))


def row(servers: ServerFixture, group: Group, fault: Fault) -> list[str]:
    """Return the cells of a row of the page."""
    observed = {backend: observe(servers, group, fault, backend) for backend in group.backends}
    return [fault.name, *(one.cell for one in observed.values()), _errors(observed)]


def _errors(observed: Mapping[str, Observation]) -> str:
    """Return each line once, with its backends unless all of them logged it."""
    backends_of: dict[str, list[str]] = {}
    for backend, one in observed.items():
        backends_of.setdefault(one.errors, []).append(backend)
    return "; ".join(
        f"`{line}`" if backends == list(observed) else f"{', '.join(backends)}: `{line}`"
        for line, backends in backends_of.items()
        if line
    )


# The page


def committed() -> dict[tuple[str, str], list[str]]:
    """Return the rows of the page, by group and fault."""
    return {(group.title, cells[0]): cells for group in GROUPS for cells in read_rows(PAGE, _marker(group))}


def write_page(rows: Mapping[tuple[str, str], list[str]]) -> None:
    """Write the tables into the page, which must already contain their markers."""
    for group in GROUPS:
        columns = ["fault", *group.backends, "error line in the log"]
        cells = (rows[group.title, fault.name] for fault in group.faults)
        write(PAGE, _marker(group), table(columns, cells))


def _marker(group: Group) -> str:
    return f"## {re.escape(group.title)}\n(?:[^#]*?)<!-- generated -->"
