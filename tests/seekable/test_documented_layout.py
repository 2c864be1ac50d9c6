"""The layout that docs/writing-a-backend.md shows, taken from the page word by word."""

import itertools
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.helpers.docs_backend import PAGE
from tests.helpers.memory_storage import entry, manifest_of
from tests.helpers.servers import tool
from tests.seekable.archives import archive_of, length_of, packed, source_of

CODE = re.compile(r"^```python\n((?:(?!^```).)*class CpioLayout.*?)^```$", re.DOTALL | re.MULTILINE)


def cpio_layout() -> Any:
    found = CODE.search(PAGE.read_text("utf-8"))
    assert found
    names: dict[str, Any] = {"__name__": "cpio"}
    exec(compile(found[1], "cpio.py", "exec"), names)
    return names["CpioLayout"]


def test_documented_layout_unpacks_to_the_entries(tmp_path: Path) -> None:
    sizes = {"1.jpg": 3, "2.jpg": 200_000, "empty": 0, "é/3.jpg": 5000}
    manifest = manifest_of(entry("é/", mode=0o755), *(entry(name, size) for name, size in sizes.items()))
    archive = tmp_path / "all.cpio"
    archive.write_bytes(packed(archive_of(cpio_layout(), manifest)))
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run([tool("bsdtar"), "-xpf", archive, "-C", unpacked], check=True)
    assert {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")} == {"é", *sizes}
    for name, size in sizes.items():
        assert (unpacked / name).read_bytes() == source_of(manifest).reads[name](0, size)


def test_documented_layout_has_ranges() -> None:
    archive = archive_of(cpio_layout(), manifest_of(entry("a", 10), entry("b/"), entry("b/c", 1)))
    whole = packed(archive)
    for start, stop in itertools.combinations(range(0, length_of(archive) + 1, 3), 2):
        assert packed(archive, start, stop) == whole[start:stop]
