"""How the program is told what to pack, and under which names.

It knows no way to pack a file under another name, and reads one name a line. So:

* Where every entry stands on the disk under its member name, it starts in the source directory with the
  list of names. `-y` makes it store a link as a link, so one put in place of a file is not followed.
* Where a single name differs (not portable, not UTF-8, a followed link), it starts in a *view*: a
  directory in memory (/dev/shm) that has the member names, each a link to an open descriptor. What it
  reads is then settled by descriptor, whatever happens to the names.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tornado_archiver.runtime.cancellation import check_cancelled, with_checkpoints
from tornado_archiver.runtime.tempdir import make_tempdir
from tornado_archiver.source import Entry
from tornado_archiver.sources.local.storage import LocalReader


@dataclass(frozen=True, slots=True)
class Naming:
    """`directory`: where the program starts. `list`: descriptor of the names, one a line, for its stdin.
    `inherited`: descriptors that it must see under the same numbers."""

    directory: str
    list: int
    arguments: Sequence[str] = ()
    inherited: Sequence[int] = ()


def naming_of(entries: Sequence[Entry], reader: LocalReader, resources: ExitStack) -> Naming:
    """What to hand to the program for these entries; `resources` puts it away. Blocking; stops when
    `check_cancelled` raises.

    Raises SourceChangedError, SourceUnreadableError, BackendError.
    """
    listed = _list(entries, resources)
    if all(entry.source_key == entry.member_name.rstrip("/").encode() for entry in entries):
        return Naming(f"/proc/self/fd/{reader.directory}", listed, arguments=["-y"])
    files = _opened(entries, reader, resources)
    return Naming(_view(entries, files, resources), listed, inherited=list(files.values()))


def _list(entries: Iterable[Entry], resources: ExitStack) -> int:
    """The names in memory. `./` before each keeps `-rf`, `@x` and a blank at the start what they are."""
    listed = os.memfd_create("names")
    resources.callback(os.close, listed)
    with os.fdopen(listed, "wb", closefd=False) as file:
        file.writelines(f"./{entry.member_name}\n".encode() for entry in with_checkpoints(entries))
    os.lseek(listed, 0, os.SEEK_SET)
    return listed


def _opened(entries: Iterable[Entry], reader: LocalReader, resources: ExitStack) -> dict[str, int]:
    files: dict[str, int] = {}
    for entry in entries:
        check_cancelled()
        if not entry.is_directory:
            files[entry.member_name] = reader.open_fd(entry)
            resources.callback(os.close, files[entry.member_name])
    return files


def _view(entries: Sequence[Entry], files: dict[str, int], resources: ExitStack) -> str:
    """Put away name by name: `shutil.rmtree` needs descriptors, and there may be none left."""
    view = make_tempdir()
    resources.callback(os.rmdir, view)
    directories = [entry for entry in entries if entry.is_directory]
    for entry in with_checkpoints(directories):
        os.mkdir(os.path.join(view, entry.member_name), stat.S_IRWXU)
        resources.callback(os.rmdir, os.path.join(view, entry.member_name))
    for name, descriptor in with_checkpoints(files.items()):
        os.symlink(f"/proc/self/fd/{descriptor}", os.path.join(view, name))
        resources.callback(os.unlink, os.path.join(view, name))
    for entry in with_checkpoints(reversed(directories)):
        _dress(os.path.join(view, entry.member_name), entry, resources)
    return view


def _dress(path: str, entry: Entry, resources: ExitStack) -> None:
    """Gives a directory of the view the entry's time and mode, and room to put it away later."""
    os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))
    os.chmod(path, entry.mode)
    resources.callback(os.chmod, path, stat.S_IRWXU)
