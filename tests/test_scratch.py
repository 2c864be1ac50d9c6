"""What programs are shown in memory goes with the process that has made it, however that ends."""

import os
import signal
from pathlib import Path

from tests.servers import eventually, missing, running_server
from tests.web.visitors import linked_noise, stalled_curl
from tornado_archiver.runtime.tempdir import SHM_DIR, make_tempdir, remove_tempdirs_of, tempdirs_of

MAX_PID = 1 << 22  # proc(5), /proc/sys/kernel/pid_max


def test_what_a_dead_process_has_left_is_removed() -> None:
    pid = os.fork()
    if not pid:
        inner = Path(make_tempdir(), "read-only")
        inner.mkdir()
        (inner / "link").symlink_to("/proc/self/fd/0")
        inner.chmod(0o500)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    mine = make_tempdir()
    assert len(tempdirs_of(pid)) == 1
    remove_tempdirs_of(pid)
    assert tempdirs_of(pid) == []
    assert tempdirs_of(os.getpid()) == [mine]
    os.rmdir(mine)


def test_what_others_have_put_there_is_left_alone(tmp_path: Path) -> None:
    if os.geteuid():
        missing("only root can be somebody else")
    gone = MAX_PID + os.getpid()  # nobody's: the next number may be that of another run of tests
    name = f"{SHM_DIR}/tornado-archiver-{gone}"
    (tmp_path / "mine").mkdir(mode=0o755)
    os.mkdir(f"{name}-theirs")
    os.chown(f"{name}-theirs", 12345, 12345)
    os.symlink(tmp_path, f"{name}-link")
    try:
        remove_tempdirs_of(gone)
        assert len(tempdirs_of(gone)) == 2
        assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o755
    finally:
        os.rmdir(f"{name}-theirs")
        os.unlink(f"{name}-link")


def test_a_killed_worker_leaves_no_view(tmp_path: Path) -> None:
    os.rename(
        linked_noise(tmp_path / "album", files=64, size=1024 * 1024) / "0001.jpg", tmp_path / "album/a:b"
    )
    with (
        running_server(tmp_path, "--backend", "zip") as server,
        stalled_curl(server, "/archive/album/") as visitor,
    ):
        killed = server.worker
        assert tempdirs_of(killed.pid)
        killed.kill()
        assert eventually(lambda: not tempdirs_of(killed.pid), timeout_s=60)
        visitor.kill()
