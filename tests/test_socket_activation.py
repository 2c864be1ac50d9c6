"""Listening sockets that somebody else has opened: sd_listen_fds(3)."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import (
    HANDED_OVER,
    PROJECT,
    eventually,
    fetch,
    free_port,
    plain_environment,
    running_server,
)
from tests.web.visitors import linked_noise, request, rest_of
from tornado_archiver.errors import SettingsError
from tornado_archiver.runtime.socket_activation import SD_LISTEN_FDS_START, listen_fds


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=1, size=1000)
    return root


@pytest.fixture
def held() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


def test_it_serves_on_what_it_is_handed(photos: Path, held: socket.socket) -> None:
    with running_server(photos, handed=held) as server:
        assert fetch(server.port, "/archive/album/").startswith(b"PK")
        assert f"listening on http://127.0.0.1:{server.port}/" in server.log()


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_who_comes_while_it_is_away_waits(photos: Path, held: socket.socket, stop: signal.Signals) -> None:
    with running_server(photos, handed=held) as server:
        server.process.send_signal(stop)
        server.process.wait(timeout=60)
    with socket.create_connection(held.getsockname(), timeout=60) as visitor:
        visitor.sendall(request("/archive/album/", headers="Connection: close\r\n"))
        with running_server(photos, handed=held):
            assert rest_of(visitor).startswith(b"HTTP/1.1 200 ")


def test_a_socket_is_enough_without_an_address(photos: Path, tmp_path: Path) -> None:
    """What nginx may speak to as well, without a port of its own."""
    path = str(tmp_path / "archiver.sock")
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(path)
        held.listen()
        command = [sys.executable, "-c", HANDED_OVER, str(held.fileno()), sys.executable]
        command += [f"{PROJECT}/server.py", "--photos-dir", str(photos)]
        with (
            subprocess.Popen(command, env=plain_environment(), pass_fds=[held.fileno()]) as server,
            socket.socket(socket.AF_UNIX) as visitor,
        ):
            visitor.settimeout(60)
            visitor.connect(path)
            visitor.sendall(request("/archive/album/", headers="Connection: close\r\n"))
            assert rest_of(visitor).startswith(b"HTTP/1.1 200 ")
            server.terminate()
            assert server.wait(timeout=60) == 0


def test_proxy_on_a_unix_socket_is_trusted_as_one_on_this_machine(photos: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "archiver.sock")
    with socket.socket(socket.AF_UNIX) as held, open(tmp_path / "log", "w+") as log:
        held.bind(path)
        held.listen()
        command = [sys.executable, "-c", HANDED_OVER, str(held.fileno()), sys.executable]
        command += [f"{PROJECT}/server.py", "--photos-dir", str(photos), "--log-format", "json"]
        with (
            subprocess.Popen(
                [*command, "--enable-logging"],
                env=plain_environment(),
                pass_fds=[held.fileno()],
                stderr=log,
            ) as server,
            socket.socket(socket.AF_UNIX) as proxy,
        ):
            proxy.settimeout(60)
            proxy.connect(path)
            named = "X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n"
            proxy.sendall(request("/archive/album/", headers=named))
            assert rest_of(proxy).startswith(b"HTTP/1.1 200 ")
            server.terminate()
            assert server.wait(timeout=60) == 0
    said = (tmp_path / "log").read_text()
    assert '"client": "192.0.2.1"' in said
    assert "WARNING" not in said


def test_what_is_meant_for_another_process_is_left_alone(photos: Path) -> None:
    env = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    with running_server(photos, env=env, port=free_port()) as server:
        assert fetch(server.port, "/")


@pytest.mark.parametrize("pid", ["", "1", "me"])
def test_the_variables_are_taken_out_in_any_case(pid: str) -> None:
    environ = {"LISTEN_PID": pid, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http", "HOME": "/"}
    assert listen_fds(environ) == []
    assert environ == {"HOME": "/"}


def test_a_count_that_is_none_is_told() -> None:
    with pytest.raises(SettingsError, match="LISTEN_FDS: 'many'"):
        listen_fds({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"})


def test_a_descriptor_that_does_not_listen_is_told_in_one_line(photos: Path) -> None:
    with socket.socket() as idle:
        command = [sys.executable, "-c", HANDED_OVER, str(idle.fileno()), sys.executable]
        ended = subprocess.run(
            [*command, f"{PROJECT}/server.py", "--photos-dir", str(photos)],
            env=plain_environment(),
            pass_fds=[idle.fileno()],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert f"LISTEN_FDS: descriptor {SD_LISTEN_FDS_START} is no listening stream socket" in line


def test_it_lets_go_of_what_it_was_handed(photos: Path, held: socket.socket) -> None:
    """While it drains, the next one has the visitors to itself."""
    with running_server(photos, handed=held) as server:
        server.process.terminate()
        assert eventually(lambda: server.process.poll() is not None, timeout_s=60)
    assert held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
