"""Files that are being uploaded: by their modification time, and by the kernel's answer about open files."""

import asyncio
import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.file_leases import leased
from tests.helpers.servers import tool
from tornado_archiver.errors import UploadInProgressError
from tornado_archiver.source import Manifest
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local import uploads
from tornado_archiver.sources.local.storage import LocalStorage
from tornado_archiver.testing.probes import nothing_left_open

SETTLE_S = 5
DAY_S = 86_400

# Opens the file for writing, reports it, and closes it at the end of its input
WRITER = """
import mmap, os, sys
file = open(sys.argv[1], "r+b")
mapping = mmap.mmap(file.fileno(), 0) if sys.argv[2] == "maps" else None
if mapping: file.close()
print("open", flush=True)
sys.stdin.read()
"""

# Opens the file for writing again and again, until its end of input
EAGER_WRITER = """
import os, select, sys
while not select.select([sys.stdin], [], [], 0)[0]:
    os.close(os.open(sys.argv[1], os.O_WRONLY))
"""

# Asks about the file until it was open for writing once and closed once, and a hundred thousand times more
ASKER = """
import os, sys
from tornado_archiver.sources.local import uploads
file = os.open(sys.argv[1], os.O_RDONLY)
answers = set()
while len(answers) < 2:
    answers.add(uploads._refuses_read_lease(file))
for _ in range(100_000):
    uploads._refuses_read_lease(file)
"""


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """An album of two files that were modified a day ago, and were put there just now."""
    aged(tmp_path / "album/1.jpg", DAY_S)
    aged(tmp_path / "album/sub/2.jpg", DAY_S)
    return tmp_path / "album"


def aged(file: Path, age_s: float) -> Path:
    """Create the file, or set the time of its last modification."""
    file.parent.mkdir(exist_ok=True, parents=True)
    if not file.exists():
        file.write_bytes(b"content")
    modified_ns = time.time_ns() - int(age_s * 1e9)
    os.utime(file, ns=(modified_ns, modified_ns))
    return file


def scan(album: Path, settle_time_s: float = SETTLE_S, source_filter: SourceFilter | None = None) -> Manifest:
    storage = LocalStorage(album.parent, source_filter or SourceFilter(), settle_time_s=settle_time_s)
    with nothing_left_open():
        return asyncio.run(storage.scan(album.name))


def refusal(album: Path, settle_time_s: float = SETTLE_S) -> UploadInProgressError:
    with pytest.raises(UploadInProgressError) as caught:
        scan(album, settle_time_s)
    return caught.value


@contextmanager
def written(file: Path, how: str = "opens") -> Iterator[None]:
    """Have another process hold the file open for writing."""
    command = [sys.executable, "-c", WRITER, str(file), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        yield


# Modified a moment ago


def test_file_modified_a_moment_ago_is_an_upload(album: Path) -> None:
    aged(album / "sub/2.jpg", 1)
    error = refusal(album)
    assert "sub/2.jpg" in str(error)
    assert error.reason == "upload in progress"
    assert error.retry_after_s in (3, 4)


@pytest.mark.parametrize(("age_s", "retry_after_s"), [(0.01, 60), (58.99, 2), (59.99, 1)])
def test_retry_after_is_the_rest_of_the_settle_time(
    album: Path, monkeypatch: pytest.MonkeyPatch, age_s: float, retry_after_s: int
) -> None:
    modified_ns = album.joinpath("1.jpg").stat().st_mtime_ns
    monkeypatch.setattr(time, "time_ns", lambda: modified_ns + int(age_s * 1e9))
    assert refusal(album, 60).retry_after_s == retry_after_s


def test_file_that_has_settled_is_packed(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest_ns = album.joinpath("sub/2.jpg").stat().st_mtime_ns
    monkeypatch.setattr(time, "time_ns", lambda: newest_ns + SETTLE_S * 10**9)
    assert len(scan(album).entries) == 3


def test_newest_of_several_files_determines_retry_after(album: Path) -> None:
    aged(album / "1.jpg", 40)
    aged(album / "sub/2.jpg", 20)
    assert refusal(album, 60).retry_after_s in (39, 40)


@pytest.mark.parametrize("future_s", [1, DAY_S])
def test_file_with_a_time_in_the_future_is_packed(album: Path, future_s: int) -> None:
    aged(album / "1.jpg", -future_s)
    assert len(scan(album).entries) == 3
    aged(album / "sub/2.jpg", 1)
    assert "sub/2.jpg" in str(refusal(album)), "the other file still counts"


def test_files_that_are_not_packed_do_not_count(album: Path) -> None:
    """The names that servers give to an upload, and the directory that gets a new name at its end."""
    for name in (".in.3.jpg.", "3.jpg.part", ".hidden"):
        aged(album / name, 1)
    (album / "new").mkdir()
    assert [entry.member_name for entry in scan(album).entries] == ["1.jpg", "new/", "sub/", "sub/2.jpg"]


def test_target_of_a_followed_symlink_counts(album: Path) -> None:
    aged(album / ".parts/3.jpg", 1)
    (album / "3.jpg").symlink_to(".parts/3.jpg")
    scan(album)
    with pytest.raises(UploadInProgressError, match=r"3\.jpg"):
        scan(album, source_filter=SourceFilter(follow_symlinks=True))


def test_settle_time_0_packs_everything(album: Path) -> None:
    aged(album / "1.jpg", 0)
    with written(album / "1.jpg"):
        assert len(scan(album, settle_time_s=0).entries) == 3


# Open for writing


@pytest.mark.parametrize("name", ["1.jpg", "sub/2.jpg"])
@pytest.mark.parametrize("how", ["opens", "maps"])
def test_file_open_for_writing_is_an_upload_whatever_its_time(album: Path, name: str, how: str) -> None:
    with written(album / name, how):
        error = refusal(album)
        assert f"{name!r} is open for writing" in str(error)
        assert error.retry_after_s == SETTLE_S
        assert refusal(album, 0.1).retry_after_s == 1
    assert len(scan(album).entries) == 3


def test_target_of_a_followed_symlink_open_for_writing_is_an_upload(album: Path) -> None:
    aged(album / ".parts/3.jpg", DAY_S)
    (album / "3.jpg").symlink_to(".parts/3.jpg")
    with written(album / ".parts/3.jpg"):
        scan(album)
        with pytest.raises(UploadInProgressError, match=r"3\.jpg"):
            scan(album, source_filter=SourceFilter(follow_symlinks=True))


def test_file_that_is_read_and_leased_by_readers_is_packed(album: Path) -> None:
    with open(album / "1.jpg", "rb") as reader:
        fcntl.fcntl(reader, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        assert len(scan(album).entries) == 3


def test_file_with_a_write_lease_is_an_upload(album: Path) -> None:
    """Samba holds one; the question waits until it is given up."""
    with leased(album / "1.jpg", lets_go=True):
        assert "1.jpg" in str(refusal(album))


def test_file_that_has_not_changed_for_an_hour_is_not_asked_about(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that keep a file open for writing for a long time do not make an archive unavailable."""
    now_ns = time.time_ns()
    with written(album / "1.jpg"):
        monkeypatch.setattr(time, "time_ns", lambda: now_ns + 3500 * 10**9)
        refusal(album)
        monkeypatch.setattr(time, "time_ns", lambda: now_ns + 3601 * 10**9)
        assert len(scan(album).entries) == 3


def test_newest_files_are_asked_about(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MAX_ASKED", 1)
    with written(album / "sub/2.jpg"):
        refusal(album)
        aged(album / "1.jpg", DAY_S)
        assert len(scan(album).entries) == 3


def test_file_removed_since_the_scan_is_not_an_upload(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = uploads._check_modified

    def remove_first(*args: object) -> None:
        (album / "sub/2.jpg").unlink()
        (album / "sub").rmdir()
        checked(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(uploads, "_check_modified", remove_first)
    assert "sub/2.jpg" in {entry.member_name for entry in scan(album).entries}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("rights", ["-lease", "+lease"])
def test_file_of_another_user_is_known_with_cap_lease_only(album: Path, rights: str) -> None:
    file = album / "1.jpg"
    os.chown(file, 65534, 65534)
    question = "from tornado_archiver.sources.local import uploads; print(uploads._refuses_read_lease(0))"
    command = [tool("setpriv"), f"--bounding-set={rights}", sys.executable, "-c", question]
    with written(file), open(file, "rb") as reader:
        answer = subprocess.run(command, stdin=reader, capture_output=True, text=True, check=True).stdout
    assert answer == f"{rights == '+lease'}\n"


@pytest.mark.parametrize("is_on_it", [stat.S_ISDIR, stat.S_ISREG])
def test_file_system_that_refuses_each_lease_is_not_believed(
    album: Path, monkeypatch: pytest.MonkeyPatch, is_on_it: Callable[[int], bool]
) -> None:
    """NFSv4 and CIFS refuse a lease although the file is not open. One can be mounted on a file."""
    monkeypatch.setattr(uploads, "_is_truthful", lambda fd: not is_on_it(os.fstat(fd).st_mode))
    with written(album / "1.jpg"):
        assert len(scan(album).entries) == 3


def test_directory_modified_a_moment_ago_does_not_count(album: Path) -> None:
    aged(album / "sub", 1)
    assert len(scan(album).entries) == 3


def test_question_does_not_terminate_this_process(album: Path) -> None:
    """The kernel sends a signal to the holder of a lease when another process opens the file for writing."""
    asker, writer = (
        subprocess.Popen([sys.executable, "-c", program, str(album / "1.jpg")], stdin=subprocess.PIPE)
        for program in (ASKER, EAGER_WRITER)
    )
    with asker, writer:
        try:
            assert asker.wait(timeout=60) == 0
            writer.communicate(timeout=60)
            assert writer.returncode == 0
        finally:
            asker.kill()
            writer.kill()


def test_question_leaves_no_lease(album: Path) -> None:
    with open(album / "1.jpg", "rb") as file:
        assert not uploads._refuses_read_lease(file.fileno())
        assert fcntl.fcntl(file, fcntl.F_GETLEASE) == fcntl.F_UNLCK


def test_unknown_answers_are_not_an_upload() -> None:
    reading, writing = os.pipe()  # EINVAL: a lease is for regular files
    assert not uploads._refuses_read_lease(reading)
    os.close(reading)
    os.close(writing)
    assert not uploads._refuses_read_lease(reading)  # EBADF
    assert not uploads._is_truthful(reading)
