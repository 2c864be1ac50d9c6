"""Socket activation: inherited listening sockets, sd_listen_fds(3)."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.raw_clients import linked_noise, request, rest_of
from tests.helpers.servers import (
    HANDED_OVER,
    PROJECT,
    eventually,
    fetch,
    free_port,
    plain_environment,
    running_server,
)
from tornado_archiver.errors import SettingsError
from tornado_archiver.runtime.socket_activation import SD_LISTEN_FDS_START, listen_fds


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=1, size=1000)
    return root


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_service_accepts_on_inherited_socket(photos: Path, listener: socket.socket) -> None:
    with running_server(photos, handed=listener) as server:
        assert fetch(server.port, "/archive/album/").startswith(b"PK")
        assert f"listening on http://127.0.0.1:{server.port}/" in server.log()


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_client_waits_in_listen_queue_while_service_is_stopped(
    photos: Path, listener: socket.socket, stop: signal.Signals
) -> None:
    with running_server(photos, handed=listener) as server:
        server.process.send_signal(stop)
        server.process.wait(timeout=60)
    with socket.create_connection(listener.getsockname(), timeout=60) as client:
        client.sendall(request("/archive/album/", headers="Connection: close\r\n"))
        with running_server(photos, handed=listener):
            assert rest_of(client).startswith(b"HTTP/1.1 200 ")


def test_service_accepts_on_inherited_unix_socket(photos: Path, tmp_path: Path) -> None:
    """A proxy on the same machine can use it instead of a port."""
    path = str(tmp_path / "archiver.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        command = [sys.executable, "-c", HANDED_OVER, str(listener.fileno()), sys.executable]
        command += [f"{PROJECT}/server.py", "--photos-dir", str(photos), "--settle-time", "0"]
        with (
            subprocess.Popen(command, env=plain_environment(), pass_fds=[listener.fileno()]) as server,
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.settimeout(60)
            client.connect(path)
            client.sendall(request("/archive/album/", headers="Connection: close\r\n"))
            assert rest_of(client).startswith(b"HTTP/1.1 200 ")
            server.terminate()
            assert server.wait(timeout=60) == 0


def test_proxy_on_unix_socket_is_trusted_like_loopback(photos: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "archiver.sock")
    with socket.socket(socket.AF_UNIX) as listener, open(tmp_path / "log", "w+") as log:
        listener.bind(path)
        listener.listen()
        command = [sys.executable, "-c", HANDED_OVER, str(listener.fileno()), sys.executable]
        command += [f"{PROJECT}/server.py", "--photos-dir", str(photos), "--log-format", "json"]
        with (
            subprocess.Popen(
                [*command, "--enable-logging", "--settle-time", "0"],
                env=plain_environment(),
                pass_fds=[listener.fileno()],
                stderr=log,
            ) as server,
            socket.socket(socket.AF_UNIX) as proxy,
        ):
            proxy.settimeout(60)
            proxy.connect(path)
            headers = "X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n"
            proxy.sendall(request("/archive/album/", headers=headers))
            assert rest_of(proxy).startswith(b"HTTP/1.1 200 ")
            server.terminate()
            assert server.wait(timeout=60) == 0
    log_text = (tmp_path / "log").read_text()
    assert '"client": "192.0.2.1"' in log_text
    assert "WARNING" not in log_text


@pytest.mark.parametrize("unused", [("--host", "127.0.0.2"), ("--port", "1")], ids=" ".join)
def test_address_in_the_settings_that_is_not_inherited_is_a_warning(
    photos: Path, listener: socket.socket, unused: tuple[str, str]
) -> None:
    with running_server(photos, *unused, handed=listener) as server:
        name = unused[0].removeprefix("--")
        assert (
            f"WARNING {name}: not used (flag --{name}): the listening sockets are inherited" in server.log()
        )
        assert server.log().count("WARNING") == 1


def test_address_in_the_settings_that_is_inherited_is_not_a_warning(
    photos: Path, listener: socket.socket
) -> None:
    with running_server(photos, "--host", "127.0.0.1", handed=listener) as server:
        assert "WARNING" not in server.log()


def test_sockets_for_another_pid_are_ignored(photos: Path) -> None:
    env = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    with running_server(photos, env=env, port=free_port()) as server:
        assert fetch(server.port, "/")


@pytest.mark.parametrize("pid", ["", "1", "me"])
def test_listen_variables_are_removed_for_any_pid(pid: str) -> None:
    environ = {"LISTEN_PID": pid, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http", "HOME": "/"}
    assert listen_fds(environ) == []
    assert environ == {"HOME": "/"}


def test_invalid_listen_fds_raises_settings_error() -> None:
    with pytest.raises(SettingsError, match="LISTEN_FDS: 'many'"):
        listen_fds({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"})


def test_inherited_socket_that_does_not_listen_stops_start(photos: Path) -> None:
    with socket.socket() as unbound:
        command = [sys.executable, "-c", HANDED_OVER, str(unbound.fileno()), sys.executable]
        result = subprocess.run(
            [*command, f"{PROJECT}/server.py", "--photos-dir", str(photos)],
            env=plain_environment(),
            pass_fds=[unbound.fileno()],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"LISTEN_FDS: descriptor {SD_LISTEN_FDS_START} is not a listening stream socket" in line


def test_inherited_socket_still_listens_after_shutdown(photos: Path, listener: socket.socket) -> None:
    with running_server(photos, handed=listener) as server:
        server.process.terminate()
        assert eventually(lambda: server.process.poll() is not None, timeout_s=60)
    assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
