"""Temporary directories in memory: removal after the process that created them has died."""

import os
import signal
from pathlib import Path

from tests.helpers.raw_clients import linked_noise, stalled_curl
from tests.helpers.servers import eventually, missing, running_server
from tornado_archiver.runtime.tempdir import SHM_DIR, make_tempdir, remove_tempdirs_of, tempdirs_of

MAX_PID = 1 << 22  # proc(5), /proc/sys/kernel/pid_max


def test_tempdirs_of_dead_process_are_removed() -> None:
    pid = os.fork()
    if not pid:
        read_only = Path(make_tempdir(), "read-only")
        read_only.mkdir()
        (read_only / "link").symlink_to("/proc/self/fd/0")
        read_only.chmod(0o500)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    own = make_tempdir()
    assert len(tempdirs_of(pid)) == 1
    remove_tempdirs_of(pid)
    assert tempdirs_of(pid) == []
    assert tempdirs_of(os.getpid()) == [own]
    os.rmdir(own)


def test_directory_of_other_user_and_symlink_are_not_removed(tmp_path: Path) -> None:
    if os.geteuid():
        missing("requires root, to change the owner of a directory")
    dead_pid = MAX_PID + os.getpid()  # above MAX_PID, because a smaller one may belong to another process
    prefix = f"{SHM_DIR}/tornado-archiver-{dead_pid}"
    (tmp_path / "own").mkdir(mode=0o755)
    os.mkdir(f"{prefix}-foreign")
    os.chown(f"{prefix}-foreign", 12345, 12345)
    os.symlink(tmp_path, f"{prefix}-link")
    try:
        remove_tempdirs_of(dead_pid)
        assert len(tempdirs_of(dead_pid)) == 2
        assert (tmp_path / "own").stat().st_mode & 0o777 == 0o755
    finally:
        os.rmdir(f"{prefix}-foreign")
        os.unlink(f"{prefix}-link")


def test_symlink_farm_of_killed_worker_is_removed(tmp_path: Path) -> None:
    os.rename(
        linked_noise(tmp_path / "album", files=64, size=1024 * 1024) / "0001.jpg", tmp_path / "album/a:b"
    )
    with (
        running_server(tmp_path, "--backend", "zip") as server,
        stalled_curl(server, "/archive/album/") as client,
    ):
        killed = server.worker
        assert tempdirs_of(killed.pid)
        killed.kill()
        assert eventually(lambda: not tempdirs_of(killed.pid), timeout_s=60)
        client.kill()
