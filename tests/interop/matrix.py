"""The tables of docs/compatibility.md: one table per layout, one row per reader, one column per tree."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.helpers.generated import named, read_rows, table, write
from tests.helpers.servers import PROJECT
from tests.interop.archives import Archives, Packed
from tests.interop.readers import TAR_READERS, ZIP_READERS, Reader, ReaderError
from tornado_archiver.testing.members import Member

PAGE = PROJECT / "docs" / "compatibility.md"
READERS: dict[str, Sequence[Reader]] = {
    "stored-zip": ZIP_READERS,
    "stored-blocks": ZIP_READERS,
    "tar": TAR_READERS,
}
_SMALL = {
    "plain": "plain",
    "empty": "empty files and directories",
    "names": "unicode and hostile names",
    "many": "70,000 members",
}
# "stored-blocks" has no "large", because that entry is identical in "stored-zip"
COLUMNS: dict[str, dict[str, str]] = {
    "stored-zip": {**_SMALL, "large": "a member above 4 GiB", "far": "a member after 4 GiB"},
    "stored-blocks": {**_SMALL, "far": "a member after 4 GiB"},
    "tar": {**_SMALL, "far": "a member after one above 8 GiB"},
}
VERSIONS = (
    "unzip -v",
    "7z i",
    "bsdtar --version",
    "busybox",
    "java --version",
    "tar --version",
    "python3 --version",
)
_NOT_RUN = "not run"
_RECENT_S = 24 * 3600

Cell = tuple[str, str, str]  # layout, reader, tree


def cells() -> Iterator[Cell]:
    for layout, trees in COLUMNS.items():
        for reader in READERS[layout]:
            yield from (
                (layout, reader.name, tree) for tree in trees if not _is_duplicate(layout, reader, tree)
            )


def _is_duplicate(layout: str, reader: Reader, tree: str) -> bool:
    """Return whether "stored-zip" has the same test: from a pipe, all contents are read, which takes long."""
    return (layout, tree) == ("stored-blocks", "far") and reader.is_piped


def found(archives: Archives, layout: str, reader_name: str, tree: str) -> str:
    """Return the cell: `ok`, with the metadata that the reader does not restore, or `no` with its error."""
    reader = next(reader for reader in READERS[layout] if reader.name == reader_name)
    packed = archives.packed(layout, tree)
    try:
        return _small(reader, packed) if packed.members else _huge(reader, packed, last_only=tree == "far")
    except ReaderError as error:
        return f"no: {error}"


def _small(reader: Reader, packed: Packed) -> str:
    with tempfile.TemporaryDirectory(dir=packed.path.parent) as into:
        members = reader.members(packed.path, Path(into))
    if members.keys() != packed.members.keys():
        return "no: other names"
    pairs = [(wanted, members[name]) for name, wanted in packed.members.items()]
    if any(wanted.content != got.content for wanted, got in pairs):
        return "no: other contents"
    if any(wanted.mtime_s != got.mtime_s and not _is_now(got.mtime_s) for wanted, got in pairs):
        return "no: other times"
    lost = [*_lost("modes", [(wanted, wanted.mode == got.mode) for wanted, got in pairs])]
    lost += _lost("times", [(wanted, wanted.mtime_s == got.mtime_s) for wanted, got in pairs])
    return "ok, without " + " and ".join(lost) if lost else "ok"


def _is_now(mtime_s: int | None) -> bool:
    """Return whether a time is that of the unpacking, or unknown."""
    return mtime_s is None or mtime_s > time.time() - _RECENT_S


def _lost(metadata: str, kept: list[tuple[Member, bool]]) -> Iterator[str]:
    """Yield the lost metadata, of files, directories or both."""
    lost = {"directory" if member.content is None else "file" for member, is_kept in kept if not is_kept}
    if lost:
        yield metadata if len(lost) > 1 else f"{lost.pop()} {metadata}"


def _huge(reader: Reader, packed: Packed, *, last_only: bool) -> str:
    last = reader.last(packed.path) if last_only else None
    is_right = last == packed.last if last is not None else reader.contents(packed.path) == packed.all
    return "ok" if is_right else "no: other contents"


# The page


def committed() -> dict[Cell, str]:
    """Return the cells of the page."""
    cells = {}
    for layout, columns in COLUMNS.items():
        for reader, *texts in read_rows(PAGE, named(layout)):
            for tree, text in zip(columns, texts, strict=True):
                if text != _NOT_RUN:
                    cells[layout, reader, tree] = text
    return cells


def write_page(results: dict[Cell, str]) -> None:
    """Write tables and versions into the page, which must already contain their markers."""
    for layout in COLUMNS:
        write(PAGE, named(layout), _table(results, layout))
    write(PAGE, named("versions"), _versions())


def _table(results: dict[Cell, str], layout: str) -> Iterator[str]:
    columns = COLUMNS[layout]
    rows = (
        [reader.name, *(results.get((layout, reader.name, tree), _NOT_RUN) for tree in columns)]
        for reader in READERS[layout]
    )
    return table(["reader", *columns.values()], rows)


def _versions() -> Iterator[str]:
    """Yield the first output line of each program that contains a version number."""
    for command in VERSIONS:
        done = subprocess.run(command.split(), capture_output=True, text=True)
        lines = (line.strip() for line in done.stdout.splitlines())
        yield "* " + next(line for line in lines if re.search(r"\d\.\d", line))
