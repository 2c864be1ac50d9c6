"""Listening Unix sockets: stale files, files of others, permissions, removal."""

import os
import socket
import stat
from pathlib import Path

import pytest

from tornado_archiver.runtime.unix_socket import UnixListener


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.sock"


def connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_socket_accepts_from_every_user_under_any_umask(path: Path) -> None:
    before = os.umask(0o077)
    try:
        with UnixListener(str(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o666
            connect(path)
    finally:
        os.umask(before)


def test_file_is_removed_on_close(path: Path) -> None:
    UnixListener(str(path)).close()
    assert not path.exists()


def test_stale_file_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.exists()
    with UnixListener(str(path)):
        connect(path)


@pytest.mark.parametrize("backlog", [0, 10], ids=["full queue", "free queue"])
def test_served_socket_is_an_error_and_stays(path: Path, backlog: int) -> None:
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as client:
        other.bind(str(path))
        other.listen(backlog)
        client.connect(str(path))  # fills a queue of 0
        with pytest.raises(OSError, match="Address already in use"):
            UnixListener(str(path))
        assert path.exists()


@pytest.mark.parametrize("kind", ["file", "directory", "symlink"])
def test_other_file_is_an_error_and_stays(path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text("notes")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")
    with pytest.raises(OSError, match="the file exists and is not a socket"):
        UnixListener(str(path))
    assert os.path.lexists(path)


def test_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        UnixListener(str(tmp_path / "missing" / "a.sock"))


def test_close_in_a_child_process_keeps_the_file(path: Path) -> None:
    with UnixListener(str(path)) as listener:
        pid = os.fork()
        if not pid:
            listener.close()
            os._exit(0)
        os.waitpid(pid, 0)
        connect(path)


def test_close_keeps_the_file_of_the_next_process(path: Path) -> None:
    """It replaces the file while this one drains."""
    draining = UnixListener(str(path))
    path.unlink()
    with UnixListener(str(path)):
        draining.close()
        connect(path)
    assert not path.exists()
