"""Every reader with every archive, held against the tables of docs/interop.md."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import matrix
from tests.interop.archives import Archives


@pytest.fixture(scope="session")
def archives() -> Iterator[Archives]:
    with tempfile.TemporaryDirectory() as base:
        yield Archives(Path(base))


@pytest.mark.parametrize(("layout", "reader", "tree"), list(matrix.cells()))
def test_the_reader_does_what_the_table_says(archives: Archives, layout: str, reader: str, tree: str) -> None:
    told = matrix.committed()[layout, reader, tree]
    assert matrix.found(archives, layout, reader, tree) == told, "python -m tests.interop --write"


def test_the_tables_have_no_other_rows() -> None:
    assert list(matrix.committed()) == list(matrix.cells())
