"""Fields of a zip with the value that announces zip64, all bits set."""

from collections.abc import Iterator

import pytest

from tests.interop.archives import FULL, Archives, archives
from tests.interop.readers import ZIP_READERS, Reader

# busybox does not support zip64, and readers on a pipe do not read the central directory
READERS = [reader for reader in ZIP_READERS if not reader.is_piped and "busybox" not in reader.name]


@pytest.fixture(scope="module", name="made")
def archives_with_full_fields() -> Iterator[Archives]:
    with archives() as made:
        yield made


@pytest.mark.parametrize(("layout", "field"), FULL)
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_member_after_full_field_is_found(made: Archives, layout: str, field: str, reader: Reader) -> None:
    """unzip 6.0 used the offset as the size: "bad zipfile offset"."""
    packed = made.packed(layout, field)
    assert reader.last(packed.path) == packed.last
