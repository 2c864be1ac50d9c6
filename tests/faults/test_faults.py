"""Every fault with every backend, held against the tables of docs/faults.md, and to the one rule."""

from collections.abc import Iterator

import pytest

from tests.faults import page
from tests.faults.groups import GROUPS, Fault, Group
from tests.faults.stage import Stage, stage

# each is a fault with all backends, one after the other
pytestmark = pytest.mark.timeout(600)

PLAYS = [(group, fault) for group in GROUPS for fault in group.faults]


@pytest.fixture(scope="session", name="opened")
def opened_stage() -> Iterator[Stage]:
    with stage() as opened:
        yield opened


@pytest.mark.parametrize(
    ("group", "fault"), PLAYS, ids=[f"{group.title}: {fault.name}" for group, fault in PLAYS]
)
def test_it_ends_as_the_table_says_and_no_client_is_fooled(opened: Stage, group: Group, fault: Fault) -> None:
    told = page.committed()[group.title, fault.name]
    assert page.row(opened, group, fault) == told, "python -m tests.faults --write"


def test_the_tables_have_no_other_rows() -> None:
    assert list(page.committed()) == [(group.title, fault.name) for group, fault in PLAYS]
