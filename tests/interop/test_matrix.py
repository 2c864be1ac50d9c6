"""Every reader with every archive, held against the tables of docs/interop.md."""

from collections.abc import Iterator

import pytest

from tests.interop import matrix
from tests.interop.archives import Archives, archives

# some readers go through gigabytes, for half a minute where others work as well
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session", name="archives")
def all_archives() -> Iterator[Archives]:
    with archives() as made:
        yield made


@pytest.mark.parametrize(("layout", "reader", "tree"), list(matrix.cells()))
def test_the_reader_does_what_the_table_says(archives: Archives, layout: str, reader: str, tree: str) -> None:
    told = matrix.committed()[layout, reader, tree]
    assert matrix.found(archives, layout, reader, tree) == told, "python -m tests.interop --write"


def test_the_tables_have_no_other_rows() -> None:
    assert list(matrix.committed()) == list(matrix.cells())
