"""The names and the directory that the zip program gets as its input.

It cannot pack a file under another name, and reads one name a line. So:

* If every entry has its member name on the disk, it starts in the source directory with the list of names.
  `-y` makes it store a link as a link, so one put in place of a file is not followed.
* If a single name differs (not portable, not UTF-8, a followed link), it starts in a *symlink farm*: a
  directory in memory (/dev/shm) that has the member names, each a link to an open descriptor. It then reads
  by descriptor, whatever happens to the names.
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
class ZipInput:
    """`directory`: where the program starts. `names`: descriptor of the names, one a line, for its stdin.
    `inherited`: descriptors that it must have under the same numbers."""

    directory: str
    names: int
    arguments: Sequence[str] = ()
    inherited: Sequence[int] = ()


def prepare_input(entries: Sequence[Entry], reader: LocalReader, stack: ExitStack) -> ZipInput:
    """Return the input of the program for these entries; `stack` cleans it up. Blocking; stops when
    `check_cancelled` raises.

    Raise SourceChangedError, SourceUnreadableError, BackendError.
    """
    names = _name_list(entries, stack)
    if all(entry.source_key == entry.member_name.rstrip("/").encode() for entry in entries):
        return ZipInput(f"/proc/self/fd/{reader.directory}", names, arguments=["-y"])
    files = _opened(entries, reader, stack)
    return ZipInput(_make_symlink_farm(entries, files, stack), names, inherited=list(files.values()))


def _name_list(entries: Iterable[Entry], stack: ExitStack) -> int:
    """Return a file in memory with the names. `./` before each, because `-rf`, `@x` and a blank at the start
    otherwise have a separate meaning."""
    names = os.memfd_create("names")
    stack.callback(os.close, names)
    with os.fdopen(names, "wb", closefd=False) as file:
        file.writelines(f"./{entry.member_name}\n".encode() for entry in with_checkpoints(entries))
    os.lseek(names, 0, os.SEEK_SET)
    return names


def _opened(entries: Iterable[Entry], reader: LocalReader, stack: ExitStack) -> dict[str, int]:
    files: dict[str, int] = {}
    for entry in entries:
        check_cancelled()
        if not entry.is_directory:
            files[entry.member_name] = reader.open_fd(entry)
            stack.callback(os.close, files[entry.member_name])
    return files


def _make_symlink_farm(entries: Sequence[Entry], files: dict[str, int], stack: ExitStack) -> str:
    """Return its path. It is removed name by name, because `shutil.rmtree` needs descriptors, and there may
    be none left."""
    farm = make_tempdir()
    stack.callback(os.rmdir, farm)
    directories = [entry for entry in entries if entry.is_directory]
    for name in with_checkpoints(_directory_names(entries)):
        os.mkdir(os.path.join(farm, name), stat.S_IRWXU)
        stack.callback(os.rmdir, os.path.join(farm, name))
    for name, descriptor in with_checkpoints(files.items()):
        os.symlink(f"/proc/self/fd/{descriptor}", os.path.join(farm, name))
        stack.callback(os.unlink, os.path.join(farm, name))
    for entry in with_checkpoints(reversed(directories)):
        _copy_metadata(os.path.join(farm, entry.member_name), entry, stack)
    return farm


def _directory_names(entries: Iterable[Entry]) -> list[str]:
    """Return the names of all directories of the farm, parents first: not each one has an entry, because an
    archive can have a top folder, or selected members only."""
    names: set[str] = set()
    for entry in entries:
        parent = entry.member_name if entry.is_directory else os.path.dirname(entry.member_name)
        while (parent := parent.rstrip("/")) and parent not in names:
            names.add(parent)
            parent = os.path.dirname(parent)
    return sorted(names)


def _copy_metadata(path: str, entry: Entry, stack: ExitStack) -> None:
    """Give a directory of the farm the entry's time and mode, and make it removable later."""
    os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))
    os.chmod(path, entry.mode)
    stack.callback(os.chmod, path, stat.S_IRWXU)
