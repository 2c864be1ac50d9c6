"""Every reader with every archive, compared with the tables of docs/compatibility.md."""

from collections.abc import Iterator

import pytest

from tests.interop import matrix
from tests.interop.archives import Archives, archives

# some readers process gigabytes, which takes half a minute on a busy machine
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session", name="archives")
def all_archives() -> Iterator[Archives]:
    with archives() as made:
        yield made


@pytest.mark.parametrize(("layout", "reader", "tree"), list(matrix.cells()))
def test_reader_result_matches_table(archives: Archives, layout: str, reader: str, tree: str) -> None:
    documented = matrix.committed()[layout, reader, tree]
    assert matrix.found(archives, layout, reader, tree) == documented, "python -m tests.interop --write"


def test_tables_have_exactly_the_cells_of_the_readers() -> None:
    assert list(matrix.committed()) == list(matrix.cells())
