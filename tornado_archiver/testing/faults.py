"""Changes of a source: between the scan and the last byte, and between two downloads."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

SECRET = b"root:x:0:0: this is outside the directory"
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
    """Write different content of the same size, with a different time."""
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
    """Create a file outside the source with the size, times and name of the target."""
    target = (root / TARGET).stat()
    twin = outside / Path(TARGET).name
    twin.parent.mkdir(exist_ok=True)
    twin.write_bytes((SECRET + bytes(target.st_size))[: target.st_size])
    os.utime(twin, ns=(target.st_atime_ns, target.st_mtime_ns))
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
# an empty file cannot shrink or get different content of the same size
FAULTS_OF_EMPTY = tuple(fault for fault in FAULTS if fault not in (shrunk, rewritten))


# Valid changes between two downloads, after which the archive is another one


def _rewritten_in_place(root: Path) -> None:
    """Keep name and size, change content and time."""
    content = (root / "2.jpg").read_bytes()
    (root / "2.jpg").write_bytes(content[::-1])


def _rewritten_within_the_second(root: Path) -> None:
    """Change content and time within one second, a difference that most formats cannot represent."""
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
