"""Every fault with every backend, compared with the tables of docs/failure-modes.md."""

from collections.abc import Iterator

import pytest

from tests.faults import markdown
from tests.faults.fault_table import GROUPS, Fault, Group
from tests.faults.server_fixture import ServerFixture, server_fixture

# each test runs a fault with all backends in sequence
pytestmark = pytest.mark.timeout(600)

FAULTS = [(group, fault) for group in GROUPS for fault in group.faults]


@pytest.fixture(scope="session", name="servers")
def running_servers() -> Iterator[ServerFixture]:
    with server_fixture() as servers:
        yield servers


@pytest.mark.parametrize(
    ("group", "fault"), FAULTS, ids=[f"{group.title}: {fault.name}" for group, fault in FAULTS]
)
def test_fault_ends_as_documented_and_no_broken_archive_looks_complete(
    servers: ServerFixture, group: Group, fault: Fault
) -> None:
    documented = markdown.committed()[group.title, fault.name]
    assert markdown.row(servers, group, fault) == documented, "python -m tests.faults --write"


def test_tables_have_exactly_the_rows_of_the_faults() -> None:
    assert list(markdown.committed()) == [(group.title, fault.name) for group, fault in FAULTS]
