"""What may happen to a source: between the walk and the last byte, and between two downloads."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

SECRET = b"root:x:0:0: this lies outside of the directory"
TARGET = "z/victim.jpg"  # last in byte order, so that packing is under way when it is reached


def deleted(root: Path, outside: Path) -> None:
    (root / TARGET).unlink()


def directory_removed(root: Path, outside: Path) -> None:
    shutil.rmtree(root / TARGET.split("/")[0])


def shrunk(root: Path, outside: Path) -> None:
    os.truncate(root / TARGET, 1000)


def grown(root: Path, outside: Path) -> None:
    with open(root / TARGET, "ab") as file:
        file.write(b"more")


def rewritten(root: Path, outside: Path) -> None:
    """Same size, other content, another time."""
    (root / TARGET).write_bytes(b"x" * (root / TARGET).stat().st_size)


def replaced_by_link(root: Path, outside: Path) -> None:
    twin = _twin(root, outside)
    (root / TARGET).unlink()
    (root / TARGET).symlink_to(twin)


def replaced_by_directory(root: Path, outside: Path) -> None:
    (root / TARGET).unlink()
    (root / TARGET).mkdir()


def replaced_by_pipe(root: Path, outside: Path) -> None:
    (root / TARGET).unlink()
    os.mkfifo(root / TARGET)


def folder_replaced_by_link(root: Path, outside: Path) -> None:
    twin = _twin(root, outside)
    shutil.rmtree(root / TARGET.split("/")[0])
    (root / TARGET.split("/")[0]).symlink_to(twin.parent)


def _twin(root: Path, outside: Path) -> Path:
    """A file outside that passes for the victim by its size, its times and its name."""
    victim = (root / TARGET).stat()
    twin = outside / Path(TARGET).name
    twin.parent.mkdir(exist_ok=True)
    twin.write_bytes((SECRET + bytes(victim.st_size))[: victim.st_size])
    os.utime(twin, ns=(victim.st_atime_ns, victim.st_mtime_ns))
    return twin


FAULTS: tuple[Callable[[Path, Path], None], ...] = (
    deleted,
    directory_removed,
    shrunk,
    grown,
    rewritten,
    replaced_by_link,
    replaced_by_directory,
    replaced_by_pipe,
    folder_replaced_by_link,
)
# an empty file does not shrink, and gets no other content of its size
FAULTS_OF_EMPTY = tuple(fault for fault in FAULTS if fault not in (shrunk, rewritten))


# Between two downloads all of this is fine, and makes another archive.


def _rewritten_in_place(root: Path) -> None:
    """Same name, same size, another content and time."""
    content = (root / "2.jpg").read_bytes()
    (root / "2.jpg").write_bytes(content[::-1])


def _rewritten_within_the_second(root: Path) -> None:
    """As two pictures taken one after the other; hardly a format shows the difference of their times."""
    status = (root / "2.jpg").stat()
    _rewritten_in_place(root)
    os.utime(root / "2.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 1000))


def _touched(root: Path) -> None:
    status = (root / "2.jpg").stat()
    os.utime(root / "2.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def _renamed(root: Path) -> None:
    (root / "2.jpg").rename(root / "3.jpg")


def _made_executable(root: Path) -> None:
    (root / "2.jpg").chmod(0o755)


def _removed(root: Path) -> None:
    (root / "2.jpg").unlink()


def _directory_added(root: Path) -> None:
    (root / "void2").mkdir()


MODIFICATIONS: tuple[Callable[[Path], None], ...] = (
    _rewritten_in_place,
    _touched,
    _renamed,
    _made_executable,
    _removed,
    _directory_added,
    _rewritten_within_the_second,
)
