"""The tables of docs/interop.md: a row for each reader, a column for each tree, a table for each layout."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.generated import named, read_rows, table, write
from tests.interop.archives import Archives, Packed
from tests.interop.readers import TAR_READERS, ZIP_READERS, Reader, ResponseError
from tests.servers import PROJECT
from tornado_archiver.testing.members import Member

PAGE = PROJECT / "docs" / "interop.md"
READERS: dict[str, Sequence[Reader]] = {"stored-zip": ZIP_READERS, "framed": ZIP_READERS, "tar": TAR_READERS}
_SMALL = {
    "plain": "plain",
    "empty": "empty files and directories",
    "names": "unicode and hostile names",
    "many": "70,000 members",
}
# "framed" has no "large": that entry is the very same as in "stored-zip"
COLUMNS: dict[str, dict[str, str]] = {
    "stored-zip": {**_SMALL, "large": "a member over 4 GiB", "far": "a member behind over 4 GiB"},
    "framed": {**_SMALL, "far": "a member behind over 4 GiB"},
    "tar": {**_SMALL, "far": "a member behind one of over 8 GiB"},
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
                (layout, reader.name, tree) for tree in trees if not _is_read_already(layout, reader, tree)
            )


def _is_read_already(layout: str, reader: Reader, tree: str) -> bool:
    """From a pipe, what is behind the large member comes out as in stored-zip, and it takes as long."""
    return (layout, tree) == ("framed", "far") and reader.is_piped


def found(archives: Archives, layout: str, reader_name: str, tree: str) -> str:
    """What the cell says: `ok`, perhaps with what the reader does not restore, or `no` with its words."""
    reader = next(reader for reader in READERS[layout] if reader.name == reader_name)
    packed = archives.packed(layout, tree)
    try:
        return _small(reader, packed) if packed.members else _huge(reader, packed, last_only=tree == "far")
    except ResponseError as error:
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
    """Whether a time is that of the unpacking, or not told at all."""
    return mtime_s is None or mtime_s > time.time() - _RECENT_S


def _lost(what: str, kept: list[tuple[Member, bool]]) -> Iterator[str]:
    """Of files, of directories, or of both."""
    lost = {"directory" if member.content is None else "file" for member, is_kept in kept if not is_kept}
    if lost:
        yield what if len(lost) > 1 else f"{lost.pop()} {what}"


def _huge(reader: Reader, packed: Packed, *, last_only: bool) -> str:
    last = reader.last(packed.path) if last_only else None
    is_right = last == packed.last if last is not None else reader.contents(packed.path) == packed.all
    return "ok" if is_right else "no: other contents"


# The page


def committed() -> dict[Cell, str]:
    """The cells as the page has them."""
    told = {}
    for layout, columns in COLUMNS.items():
        for reader, *texts in read_rows(PAGE, named(layout)):
            for tree, text in zip(columns, texts, strict=True):
                if text != _NOT_RUN:
                    told[layout, reader, tree] = text
    return told


def write_page(results: dict[Cell, str]) -> None:
    """The tables and the versions into the page, which has to have their places already."""
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
    """Each program's first line about itself that has a number in it."""
    for command in VERSIONS:
        done = subprocess.run(command.split(), capture_output=True, text=True)
        lines = (line.strip() for line in done.stdout.splitlines())
        yield "* " + next(line for line in lines if re.search(r"\d\.\d", line))
